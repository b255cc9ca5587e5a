/* hv_monocypher.c: compiles Monocypher as it is; its style is not ours, so neither are its warnings. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

#define BLAKE2_NO_UNROLLING 1 /* smaller, and nothing here calls it */

#include "monocypher.inc" /* monocypher.c under a name that nobody compiles by itself */
