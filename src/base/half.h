/* half.h - float16 and bfloat16 bit patterns to and from float; round to nearest even, NaN kept. */
#ifndef FL_BASE_HALF_H
#define FL_BASE_HALF_H

#include <stdint.h>

float    fl_half_to_float(uint16_t h);
uint16_t fl_half_from_float(float f);
float    fl_bfloat_to_float(uint16_t b);
uint16_t fl_bfloat_from_float(float f);

#endif
