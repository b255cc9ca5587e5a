/* hv_dsp.c: twins in C of hv_widen.S and of the generated assembly; see hv_dsp.h. */
#include "hv_dsp.h"

#include "hv_arith.h"

#if !HV_DSP

#define TILE_PIXELS 4u

void hv_widen_quads(const int8_t from[], int16_t to[], uint32_t count)
{
    for (uint32_t i = 0u; i < count; i += 4u) {
        to[i] = from[i];
        to[i + 1u] = from[i + 2u];
        to[i + 2u] = from[i + 1u];
        to[i + 3u] = from[i + 3u];
    }
}

void hv_widen(const int8_t from[], int16_t to[], uint32_t count)
{
    for (uint32_t i = 0u; i < count; ++i) {
        to[i] = from[i];
    }
}

void hv_widen_camera(const uint8_t from[], int16_t to[], uint32_t count)
{
    for (uint32_t i = 0u; i < count; ++i) {
        to[i] = (int16_t)((int32_t)from[i] - 128);
    }
}

void hv_widen_channels(const int8_t from[], int16_t to[], uint32_t pixels, uint32_t channels, uint32_t count, uint32_t row_elements)
{
    for (uint32_t pixel = 0u; pixel < pixels; ++pixel) {
        for (uint32_t c = 0u; c < count; ++c) {
            to[(c * row_elements) + pixel] = from[(pixel * channels) + c];
        }
    }
}

void hv_flip(const int8_t from[], uint8_t to[], uint32_t count)
{
    for (uint32_t i = 0u; i < count; ++i) {
        to[i] = (uint8_t)((int32_t)from[i] + 128);
    }
}

void hv_move_down(void *to, const void *from, uint32_t size_bytes)
{
    uint8_t *const lower = to;
    const uint8_t *const upper = from;
    for (uint32_t i = 0u; i < size_bytes; ++i) {
        lower[i] = upper[i];
    }
}

void hv_fill(int16_t to[], uint32_t count, int32_t value)
{
    for (uint32_t i = 0u; i < count; ++i) {
        to[i] = (int16_t)value;
    }
}

/* Byte n of a word, extended by its sign. */
static int32_t signed_byte(int32_t word, uint32_t n)
{
    const uint32_t byte = ((uint32_t)word >> (8u * n)) & 0xFFu;
    return (int32_t)byte - ((byte >= 0x80u) ? 0x100 : 0);
}

/* The weight of a channel (0 or 1) and tap (0 or 1) of a pair of taps. */
static int32_t weight_at(const int32_t words[], uint32_t weight_bits, uint32_t channel, uint32_t tap)
{
    if (weight_bits == 8u) {
        return signed_byte(words[0], (2u * tap) + channel);
    }
    const uint32_t half = ((uint32_t)words[channel] >> (16u * tap)) & 0xFFFFu;
    return (int32_t)half - ((half >= 0x8000u) ? 0x10000 : 0);
}

/* The accumulator of one channel of a pair at one pixel; words: the pair's weights. */
static int32_t accumulated(const hv_tile_t *tile, const int16_t *const rows[], uint32_t pixel, const int32_t words[], uint32_t channel, int32_t bias)
{
    const uint32_t pair_words = (tile->weight_bits == 8u) ? 1u : 2u;
    int32_t acc = bias;
    for (uint32_t row = 0u; row < tile->rows; ++row) {
        for (uint32_t pair = 0u; pair < tile->row_pairs; ++pair) {
            const int16_t *const taps = &rows[row][(pixel * tile->pixel_step) + (2u * pair)];
            const int32_t *const word = &words[((row * tile->row_pairs) + pair) * pair_words];
            acc += taps[0] * weight_at(word, tile->weight_bits, channel, 0u);
            acc += taps[1] * weight_at(word, tile->weight_bits, channel, 1u);
        }
    }
    return acc;
}

void hv_tiles_in_c(const hv_tile_t *tile, const int16_t *const rows[], const int32_t stream[], int8_t output[], uint32_t tiles)
{
    const uint32_t words = tile->rows * tile->row_pairs * ((tile->weight_bits == 8u) ? 1u : 2u);
    for (uint32_t pixel = 0u; pixel < (TILE_PIXELS * tiles); ++pixel) {
        for (uint32_t c = 0u; c < tile->channels; ++c) {
            const int32_t *const pair = &stream[(c / 2u) * (words + 2u + (2u * tile->multipliers))];
            const uint32_t channel = c % 2u;
            const int32_t acc = accumulated(tile, rows, pixel, &pair[2], channel, pair[channel]);
            const int32_t *const multiplier = &pair[2u + words + (channel * tile->multipliers)];
            output[(pixel * tile->channels) + c] = hv_requantise_prelu(acc, multiplier[0], multiplier[tile->multipliers - 1u], tile->left_shift, tile->zero_point, tile->lo, tile->hi);
        }
    }
}

void hv_channels_in_c(const hv_channels_t *shape, const int16_t *const rows[], const int32_t stream[], int8_t output[])
{
    for (uint32_t c = 0u; c < shape->channels; ++c) {
        const int32_t *const channel = &stream[c * (1u + shape->multipliers + shape->rows)];
        for (uint32_t pixel = 0u; pixel < shape->pixels; ++pixel) {
            int32_t acc = channel[0];
            for (uint32_t row = 0u; row < shape->rows; ++row) {
                const int16_t *const taps = &rows[row][(c * shape->row_elements) + shape->first_tap + (pixel * shape->pixel_step)];
                const int32_t word = channel[1u + shape->multipliers + row];
                acc += taps[0] * signed_byte(word, 0u);
                acc += taps[1] * signed_byte(word, 1u);
                acc += taps[2] * signed_byte(word, 3u);
            }
            output[(pixel * shape->output_step) + c] = hv_requantise_prelu(acc, channel[1], channel[shape->multipliers], shape->left_shift, shape->zero_point, shape->lo, shape->hi);
        }
    }
}

#else
typedef int hv_dsp_is_assembly_t; /* a translation unit holds something */
#endif
