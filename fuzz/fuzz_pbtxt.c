/* fuzz_pbtxt.c - any bytes as text-format protobuf: refused with line and column, or wire bytes that read as protobuf.
 *
 * The first byte chooses the message. A string printed with escapes must read back as itself, so the input also goes
 * that way: escaped, put into a text, transcoded, compared.
 */
#include "proto/text.h"
#include "proto/wire.h"
#include "tensorflow/tf_schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const fl_pbtext_message *const schemas[] = {&fl_tf_schema_graph_def, &fl_tf_schema_meta_graph_def,
                                                   &fl_tf_schema_saved_model, &fl_tf_schema_checkpoint_state};

static void transcode_any(const fl_pbtext_message *schema, const uint8_t *data, size_t size)
{
    fl_buf out = fl_buf_make(NULL);
    floe_error err = {0};
    fl_pb_field f;

    if (fl_pbtext_transcode(&out, schema, data, size, "fuzz", &err) != FLOE_OK) {
        if (err.status == FLOE_OK || !strstr(err.message, "line"))
            abort();
    } else {
        fl_reader r = fl_reader_make(out.data, out.size);
        while (fl_pb_next(&r, &f))
            ;
        if (r.failed || out.size > 16 * size + 64)
            abort();
    }
    fl_buf_free(&out);
}

static void escape_and_read(const uint8_t *data, size_t size)
{
    fl_buf text = fl_buf_make(NULL), out = fl_buf_make(NULL);
    floe_error err = {0};
    fl_pb_field f;

    fl_put_text(&text, "model_checkpoint_path: \"");
    fl_pbtext_put_escaped(&text, data, size);
    fl_put_text(&text, "\"");
    if (fl_pbtext_transcode(&out, &fl_tf_schema_checkpoint_state, text.data, text.size, "fuzz", &err) != FLOE_OK)
        abort();
    fl_reader r = fl_reader_make(out.data, out.size);
    if (!fl_pb_next(&r, &f) || f.number != 1 || f.size != size || (size > 0 && memcmp(f.bytes, data, size) != 0))
        abort();
    fl_buf_free(&text);
    fl_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t n = sizeof schemas / sizeof schemas[0];
    transcode_any(schemas[(size_t)(data[0] - '0') % n], data + 1, size - 1); /* '0' to '3' in the corpus */
    escape_and_read(data, size);
    return 0;
}
