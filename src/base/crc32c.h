/* crc32c.h - CRC-32C (Castagnoli), the checksum of TensorFlow's tables and of our PLAN. */
#ifndef FL_BASE_CRC32C_H
#define FL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Extends crc (0 to start) over data. crc32c("123456789") = 0xe3069283. */
uint32_t fl_crc32c(uint32_t crc, const void *data, size_t size);

#endif
