/* emulate_unit.cpp - one file of kernels (FL_EMULATE_FILE) as a unit of the emulator. The namespace keeps what it
 * defines to itself: kernel files are linked separately for the GPU, and may use the same names.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "emulate_run.h"

namespace {
#include FL_EMULATE_FILE
}
