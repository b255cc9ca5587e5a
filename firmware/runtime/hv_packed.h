/* hv_packed.h: four sums of products in three words, for cores without instructions for vectors.
 *
 * A multiplication of 32 bits has room for more than one product of 8 bits. With the activations a, b, c, d
 * of four pixels in the words
 *
 *     u = a + 2^24 b,   v = c + 2^16 b,   w = d + 2^8 b   (modulo 2^32),
 *
 * three multiply-accumulates by a weight add up four sums A, B, C, D:
 *
 *     U = A + 2^24 B,   V = C + 2^16 B,   W = D + 2^8 B   (modulo 2^32).
 *
 * While all four are in [-2^23, 2^23) they can be had back: U modulo 2^24 is A, and what is left of U is B
 * modulo 2^8. With that, V gives C and B modulo 2^16, and with that, W gives D and all 24 bits of B.
 * That they stay there is proved from the weights before code is emitted. */
#ifndef HV_PACKED_H
#define HV_PACKED_H

#include <stdint.h>

_Static_assert((int32_t)0xFFFFFFFFu == -1, "words become integers modulo 2^32");
_Static_assert((INT32_C(-3) >> 1) == INT32_C(-2), "the contract needs an arithmetic right shift");

/* No instructions, but words to the compiler, which else takes up more operands than the core has registers.
 * HV_IN_ORDER: what comes before is done before what comes after. HV_KEPT: these three are registers now. */
#if defined(__GNUC__)
#define HV_IN_ORDER(a, b, c) __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c)::"memory")
#define HV_KEPT(a, b, c) __asm__("" : "+r"(a), "+r"(b), "+r"(c))
#else
#define HV_IN_ORDER(a, b, c)
#define HV_KEPT(a, b, c)
#endif

/* An integer modulo 2^32. */
static inline uint32_t hv_word(int32_t value)
{
    return (uint32_t)value;
}

/* Packs `count` neighbouring activations of each of four pixels, at least one; the camera's bytes stand for
 * 128 less. _short is for cores with few registers, _long for others; they write the same words. */
void hv_pack_short(const int8_t *const pixels[4], uint32_t count, uint32_t words[]);
void hv_pack_short_camera(const uint8_t *const pixels[4], uint32_t count, uint32_t words[]);
void hv_pack_long(const int8_t *const pixels[4], uint32_t count, uint32_t words[]);
void hv_pack_long_camera(const uint8_t *const pixels[4], uint32_t count, uint32_t words[]);

/* Four sums of each channel, one, two or four channels at a time: weights [channels / n][taps][n], sums
 * [channels][4] as words. The taps are a multiple of 4, 2 and 4: those that were added have weights of 0.
 * Where one channel is summed up at a time, weights are stored as bytes 128 more than they are: Armv6-M loads
 * no signed byte from a constant distance. */
void hv_packed_sums_1(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[]);
void hv_packed_sums_2(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[]);
void hv_packed_sums_4(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[]);

#endif
