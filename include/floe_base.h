/* floe_base.h - what libfloe and libfloe_image share: a status, a sentence, an allocator, a logger.
 *
 * Every fallible call returns a floe_status (0 is success) and takes a floe_error * as its last argument. The error
 * is a plain struct on the caller's stack; NULL is allowed where the sentence is not wanted. Nothing in the
 * libraries exits, aborts or prints: what there is to say goes into the error or to the env's log callback.
 */
#ifndef FLOE_BASE_H
#define FLOE_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FLOE_API __attribute__((visibility("default")))
#else
#define FLOE_API
#endif

/* One row per status: name and its general text. */
#define FLOE_STATUS_LIST(X)                                                      \
    X(FLOE_OK, "success")                                                        \
    X(FLOE_ERR_MEMORY, "out of memory")                                          \
    X(FLOE_ERR_IO, "a file could not be read or written")                        \
    X(FLOE_ERR_FORMAT, "the data is damaged or of another kind")                 \
    X(FLOE_ERR_VERSION, "the file was written for another version of floe")      \
    X(FLOE_ERR_TARGET, "the plan was built for another machine")                 \
    X(FLOE_ERR_UNSUPPORTED, "valid, but not supported")                          \
    X(FLOE_ERR_ARGUMENT, "an argument is wrong")                                 \
    X(FLOE_ERR_SHAPE, "shapes do not fit")                                       \
    X(FLOE_ERR_NOT_FOUND, "a name was not found")                                \
    X(FLOE_ERR_DEVICE, "the device failed")                                      \
    X(FLOE_ERR_LIMIT, "a limit was exceeded")

typedef enum floe_status {
#define FLOE_STATUS_ENUM(name, text) name,
    FLOE_STATUS_LIST(FLOE_STATUS_ENUM)
#undef FLOE_STATUS_ENUM
} floe_status;

/* The general text of a status; never NULL. */
FLOE_API const char *floe_status_text(floe_status status);

/* What went wrong: names the place, what was found and what would have worked. Written only on failure. */
typedef struct floe_error {
    floe_status status;
    char        message[1024];
} floe_error;

/* TensorRT's severities, worst first. */
typedef enum floe_severity {
    FLOE_SEVERITY_ERROR,
    FLOE_SEVERITY_WARNING,
    FLOE_SEVERITY_INFO,
    FLOE_SEVERITY_VERBOSE
} floe_severity;

/* Allocator and log, given to top-level constructors, which keep a copy. NULL, or all zero, means the C library's
 * allocator and silence. `alloc` returns `bytes` bytes aligned to `align` (a power of two, at most 4096) or NULL;
 * `free` accepts NULL. Both may be called from several threads at once. `log` gets one line without a newline; lines
 * less severe than `log_severity` are not formatted at all. */
typedef struct floe_env {
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *ptr);
    void *alloc_user;
    void (*log)(void *user, floe_severity severity, const char *line);
    void         *log_user;
    floe_severity log_severity;
} floe_env;

/* ---- how a picture becomes a tensor: an engine carries it (floe.h), floe_image.h does it */

/* One row per method: name in C, name in text, the TensorFlow call with the same result.
 * `crop` first takes the largest central region with the target's ratio of sides (the longer side rounded to whole
 * pixels, the odd pixel left at the end), so that nothing is distorted, then resizes that with `bilinear`.
 * `lanczos3` is antialiased, unlike the others: where a picture shrinks the filter widens, as Pillow's LANCZOS does.
 * TensorFlow's default for it, antialias=False, leaves pixels out as `bilinear` does, and is not offered. Where a
 * picture grows both are the same.
 * A PLAN holds a method by its number here: new rows come last. */
#define FLOE_RESIZE_LIST(X)                                                                                         \
    X(FLOE_RESIZE_BILINEAR, "bilinear", "tf.image.resize(images, size)")                                            \
    X(FLOE_RESIZE_NEAREST, "nearest", "tf.image.resize(images, size, 'nearest')")                                   \
    X(FLOE_RESIZE_CROP, "crop", "tf.image.resize(central region, size)")                                            \
    X(FLOE_RESIZE_BICUBIC, "bicubic", "tf.image.resize(images, size, 'bicubic')")                                   \
    X(FLOE_RESIZE_AREA, "area", "tf.image.resize(images, size, 'area')")                                            \
    X(FLOE_RESIZE_BILINEAR_LEGACY, "bilinear-legacy", "tf.compat.v1.image.resize_bilinear(images, size)")           \
    X(FLOE_RESIZE_BILINEAR_ALIGNED, "bilinear-aligned", "tf.compat.v1.image.resize_bilinear(images, size, True)")   \
    X(FLOE_RESIZE_LANCZOS3, "lanczos3", "tf.image.resize(images, size, 'lanczos3', antialias=True)")

typedef enum floe_resize_method {
#define FLOE_RESIZE_ENUM(id, name, call) id,
    FLOE_RESIZE_LIST(FLOE_RESIZE_ENUM)
#undef FLOE_RESIZE_ENUM
} floe_resize_method;

/* How pixels become the values of a tensor. All zero, or a NULL pointer: bilinear, RGB, values 0 to 255 as they are.
 * Element c of the tensor's channels is (pixel - mean[c]) * scale[c], where c counts the channels of the tensor, so
 * after the exchange of red and blue. */
typedef struct floe_preprocess {
    floe_resize_method resize;
    int                bgr;      /* 1: red and blue change places, in pictures of 3 or 4 channels */
    float              mean[4];  /* on the pixels' scale of 0 to 255 */
    float              scale[4]; /* 0 means 1 */
} floe_preprocess;

#ifdef __cplusplus
}
#endif
#endif
