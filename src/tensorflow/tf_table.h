/* tf_table.h - the sorted string tables (SSTables) that checkpoints are made of: keys to values. */
#ifndef FL_TF_TABLE_H
#define FL_TF_TABLE_H

#include "tensorflow/graphdef.h"

typedef struct fl_tf_entry {
    fl_bytes key, value;
} fl_tf_entry;

typedef struct fl_tf_table {
    fl_tf_entry *entry; /* by key, strictly increasing as unsigned bytes */
    size_t       n_entry;
} fl_tf_table;

/* Reads all of a table, every checksum verified. Keys live in the arena, values in the data (or in the arena where
 * their block is compressed): both must outlive the table. `name` is the path for messages. */
floe_status fl_tf_table_read(fl_tf_table *out, fl_arena *arena, const void *data, size_t size, const char *name,
                             floe_error *err);
/* NULL when the key is not there. */
const fl_tf_entry *fl_tf_table_find(const fl_tf_table *table, fl_bytes key);

/* The masked form in which TensorFlow stores checksums. */
uint32_t fl_tf_crc_mask(uint32_t crc);

/* ---- Snappy's raw block format (tf_snappy.c) */

/* The length the data says it has when decompressed; false on damage, and for lengths that no data of this size could
 * decompress to. */
bool fl_tf_snappy_length(fl_bytes compressed, size_t *length);
/* Decompresses to exactly `length` bytes; false on damage. */
bool fl_tf_snappy_decode(uint8_t *dst, size_t length, fl_bytes compressed);

#endif
