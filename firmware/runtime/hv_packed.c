/* hv_packed.c: the inner loops of hv_packed.h. */
#include "hv_packed.h"

/* The integer in [-2^23, 2^23) that equals the word modulo 2^24. */
static inline int32_t low_24(uint32_t word)
{
    return (int32_t)(word << 8) >> 8;
}

void hv_pack_long(const int8_t *const pixels[4], uint32_t count, uint32_t words[])
{
    const int8_t *a = pixels[0];
    const int8_t *b = pixels[1];
    const int8_t *c = pixels[2];
    const int8_t *d = pixels[3];
    const int8_t *const end = &a[count];
    uint32_t *next = words;
    do {
        const uint32_t shared = hv_word(*b);
        next[0] = hv_word(*a) + (shared << 24);
        next[1] = hv_word(*c) + (shared << 16);
        next[2] = hv_word(*d) + (shared << 8);
        a = &a[1];
        b = &b[1];
        c = &c[1];
        d = &d[1];
        next = &next[3];
    } while (a != end);
}

void hv_pack_long_camera(const uint8_t *const pixels[4], uint32_t count, uint32_t words[])
{
    const uint8_t *a = pixels[0];
    const uint8_t *b = pixels[1];
    const uint8_t *c = pixels[2];
    const uint8_t *d = pixels[3];
    const uint8_t *const end = &a[count];
    uint32_t *next = words;
    do {
        const uint32_t shared = (uint32_t)*b - 128u;
        next[0] = ((uint32_t)*a - 128u) + (shared << 24);
        next[1] = ((uint32_t)*c - 128u) + (shared << 16);
        next[2] = ((uint32_t)*d - 128u) + (shared << 8);
        a = &a[1];
        b = &b[1];
        c = &c[1];
        d = &d[1];
        next = &next[3];
    } while (a != end);
}

void hv_pack_short(const int8_t *const pixels[4], uint32_t count, uint32_t words[])
{
    const int8_t *const a = pixels[0];
    const int8_t *const b = pixels[1];
    const int8_t *const c = pixels[2];
    const int8_t *const d = pixels[3];
    uint32_t *next = words;
    for (uint32_t i = 0u; i < count; i++) {
        uint32_t shared = hv_word(b[i]) << 8;
        next[0] = hv_word(a[i]) + (shared << 16);
        HV_IN_ORDER(shared, next, i);
        next[1] = hv_word(c[i]) + (shared << 8);
        HV_IN_ORDER(shared, next, i);
        next[2] = hv_word(d[i]) + shared;
        HV_IN_ORDER(shared, next, i);
        next = &next[3];
    }
}

void hv_pack_short_camera(const uint8_t *const pixels[4], uint32_t count, uint32_t words[])
{
    const uint8_t *const a = pixels[0];
    const uint8_t *const b = pixels[1];
    const uint8_t *const c = pixels[2];
    const uint8_t *const d = pixels[3];
    uint32_t *next = words;
    for (uint32_t i = 0u; i < count; i++) {
        uint32_t shared = ((uint32_t)b[i] - 128u) << 8;
        next[0] = ((uint32_t)a[i] - 128u) + (shared << 16);
        HV_IN_ORDER(shared, next, i);
        next[1] = ((uint32_t)c[i] - 128u) + (shared << 8);
        HV_IN_ORDER(shared, next, i);
        next[2] = ((uint32_t)d[i] - 128u) + shared;
        HV_IN_ORDER(shared, next, i);
        next = &next[3];
    }
}

/* What the 128 in each weight add to any channel's sums, to be taken away. */
static void offset_of(const uint32_t words[], uint32_t taps, uint32_t offset[3])
{
    uint32_t u = 0u;
    uint32_t v = 0u;
    uint32_t w = 0u;
    const uint32_t *const end = &words[3u * taps];
    for (const uint32_t *tap = words; tap != end; tap = &tap[12]) {
        u += tap[0] + tap[3];
        u += tap[6] + tap[9];
        HV_IN_ORDER(u, v, w);
        v += tap[1] + tap[4];
        v += tap[7] + tap[10];
        HV_IN_ORDER(u, v, w);
        w += tap[2] + tap[5];
        w += tap[8] + tap[11];
        HV_IN_ORDER(u, v, w);
    }
    offset[0] = 0u - (u * 128u);
    offset[1] = 0u - (v * 128u);
    offset[2] = 0u - (w * 128u);
}

/* The four sums in u, v, w, in the order of their pixels, as words. */
static inline void unpack(uint32_t u, uint32_t v, uint32_t w, uint32_t pixels[4])
{
    const int32_t a = low_24(u);
    const uint32_t b_8 = (u - hv_word(a)) >> 24; /* B modulo 2^8 */
    const uint32_t v_rest = v - (b_8 << 16);
    const int32_t c = low_24(v_rest);
    const uint32_t b_16 = b_8 + ((v_rest - hv_word(c)) >> 16); /* B modulo 2^16 */
    const uint32_t w_rest = w - (b_16 << 8);
    const int32_t d = low_24(w_rest);
    pixels[0] = hv_word(a);
    pixels[1] = hv_word(low_24(b_16 + ((w_rest - hv_word(d)) >> 8)));
    pixels[2] = hv_word(c);
    pixels[3] = hv_word(d);
}

/* Multiplies a tap of four pixels by a weight and adds the products up. */
#define ADD_TAP(u, v, w, tap, factor) \
    (u) += (tap)[0] * (factor);       \
    (v) += (tap)[1] * (factor);       \
    (w) += (tap)[2] * (factor)

void hv_packed_sums_1(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[])
{
    const uint32_t *const words_end = &words[3u * taps];
    const int8_t *factor = weight;
    uint32_t offset[3];
    offset_of(words, taps, offset);
    uint32_t *sum = sums;
    for (uint32_t channel = 0u; channel < channels; channel++) {
        uint32_t u0 = offset[0];
        uint32_t v0 = offset[1];
        uint32_t w0 = offset[2];
        const uint32_t *tap = words;
        do {
            const uint32_t weight_0 = (uint32_t)(uint8_t)factor[0];
            u0 += tap[0] * weight_0;
            v0 += tap[1] * weight_0;
            w0 += tap[2] * weight_0;
            HV_IN_ORDER(u0, v0, w0);
            const uint32_t weight_1 = (uint32_t)(uint8_t)factor[1];
            u0 += tap[3] * weight_1;
            v0 += tap[4] * weight_1;
            w0 += tap[5] * weight_1;
            HV_IN_ORDER(u0, v0, w0);
            const uint32_t weight_2 = (uint32_t)(uint8_t)factor[2];
            u0 += tap[6] * weight_2;
            v0 += tap[7] * weight_2;
            w0 += tap[8] * weight_2;
            HV_IN_ORDER(u0, v0, w0);
            const uint32_t weight_3 = (uint32_t)(uint8_t)factor[3];
            u0 += tap[9] * weight_3;
            v0 += tap[10] * weight_3;
            w0 += tap[11] * weight_3;
            HV_IN_ORDER(u0, v0, w0);
            tap = &tap[12];
            factor = &factor[4];
        } while (tap != words_end);
        unpack(u0, v0, w0, &sum[0]);
        sum = &sum[4];
    }
}

void hv_packed_sums_2(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[])
{
    const uint32_t *const words_end = &words[3u * taps];
    const int8_t *factor = weight;
    uint32_t *sum = sums;
    for (uint32_t channel = 0u; channel < channels; channel += 2u) {
        uint32_t u0 = 0u;
        uint32_t v0 = 0u;
        uint32_t w0 = 0u;
        uint32_t u1 = 0u;
        uint32_t v1 = 0u;
        uint32_t w1 = 0u;
        const uint32_t *tap = words;
        do {
            ADD_TAP(u0, v0, w0, &tap[0], hv_word(factor[0]));
            ADD_TAP(u1, v1, w1, &tap[0], hv_word(factor[1]));
            HV_KEPT(u0, v0, w0);
            HV_KEPT(u1, v1, w1);
            ADD_TAP(u0, v0, w0, &tap[3], hv_word(factor[2]));
            ADD_TAP(u1, v1, w1, &tap[3], hv_word(factor[3]));
            HV_KEPT(u0, v0, w0);
            HV_KEPT(u1, v1, w1);
            tap = &tap[6];
            factor = &factor[4];
        } while (tap != words_end);
        unpack(u0, v0, w0, &sum[0]);
        unpack(u1, v1, w1, &sum[4]);
        sum = &sum[8];
    }
}

void hv_packed_sums_4(const uint32_t words[], const int8_t weight[], uint32_t taps, uint32_t channels, uint32_t sums[])
{
    const uint32_t *const words_end = &words[3u * taps];
    const int8_t *factor = weight;
    uint32_t *sum = sums;
    for (uint32_t channel = 0u; channel < channels; channel += 4u) {
        uint32_t u0 = 0u;
        uint32_t v0 = 0u;
        uint32_t w0 = 0u;
        uint32_t u1 = 0u;
        uint32_t v1 = 0u;
        uint32_t w1 = 0u;
        uint32_t u2 = 0u;
        uint32_t v2 = 0u;
        uint32_t w2 = 0u;
        uint32_t u3 = 0u;
        uint32_t v3 = 0u;
        uint32_t w3 = 0u;
        const uint32_t *tap = words;
        do {
            ADD_TAP(u0, v0, w0, &tap[0], hv_word(factor[0]));
            ADD_TAP(u1, v1, w1, &tap[0], hv_word(factor[1]));
            ADD_TAP(u2, v2, w2, &tap[0], hv_word(factor[2]));
            ADD_TAP(u3, v3, w3, &tap[0], hv_word(factor[3]));
            HV_IN_ORDER(u0, v0, w0);
            HV_IN_ORDER(u1, v1, w1);
            HV_IN_ORDER(u2, v2, w2);
            HV_IN_ORDER(u3, v3, w3);
            ADD_TAP(u0, v0, w0, &tap[3], hv_word(factor[4]));
            ADD_TAP(u1, v1, w1, &tap[3], hv_word(factor[5]));
            ADD_TAP(u2, v2, w2, &tap[3], hv_word(factor[6]));
            ADD_TAP(u3, v3, w3, &tap[3], hv_word(factor[7]));
            HV_IN_ORDER(u0, v0, w0);
            HV_IN_ORDER(u1, v1, w1);
            HV_IN_ORDER(u2, v2, w2);
            HV_IN_ORDER(u3, v3, w3);
            ADD_TAP(u0, v0, w0, &tap[6], hv_word(factor[8]));
            ADD_TAP(u1, v1, w1, &tap[6], hv_word(factor[9]));
            ADD_TAP(u2, v2, w2, &tap[6], hv_word(factor[10]));
            ADD_TAP(u3, v3, w3, &tap[6], hv_word(factor[11]));
            HV_IN_ORDER(u0, v0, w0);
            HV_IN_ORDER(u1, v1, w1);
            HV_IN_ORDER(u2, v2, w2);
            HV_IN_ORDER(u3, v3, w3);
            ADD_TAP(u0, v0, w0, &tap[9], hv_word(factor[12]));
            ADD_TAP(u1, v1, w1, &tap[9], hv_word(factor[13]));
            ADD_TAP(u2, v2, w2, &tap[9], hv_word(factor[14]));
            ADD_TAP(u3, v3, w3, &tap[9], hv_word(factor[15]));
            HV_IN_ORDER(u0, v0, w0);
            HV_IN_ORDER(u1, v1, w1);
            HV_IN_ORDER(u2, v2, w2);
            HV_IN_ORDER(u3, v3, w3);
            tap = &tap[12];
            factor = &factor[16];
        } while (tap != words_end);
        unpack(u0, v0, w0, &sum[0]);
        unpack(u1, v1, w1, &sum[4]);
        unpack(u2, v2, w2, &sum[8]);
        unpack(u3, v3, w3, &sum[12]);
        sum = &sum[16];
    }
}
