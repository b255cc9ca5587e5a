/* hv_winograd.c: see hv_winograd.h. */
#include "hv_winograd.h"

#include "hv_arith.h"
#include "hv_dsp.h"

#define SIDE 6    /* of a patch, in pixels and in points */
#define OUTPUTS 4 /* of a tile's row */
#define TILES 4u

/* A row of a patch, from pixel `first` to before pixel `last`, that lies outside the image. */
static void fill_outside(const hv_image_t *image, uint8_t row[], int32_t first, int32_t last)
{
    const int32_t count = (last - first) * image->channels;
    const int32_t value = image->pad_value + 128;
    if (count > 0) {
        hv_fill((int16_t *)(void *)&row[first * image->channels], (uint32_t)(count / 2), value + (value * 256));
    }
}

void hv_winograd_patch(const hv_image_t *image, const int8_t input[], uint8_t patch[], int32_t top, int32_t left)
{
    const int32_t first = (left < 0) ? -left : 0;
    const int32_t last = ((image->width - left) < SIDE) ? (image->width - left) : SIDE;
    for (int32_t row = 0; row < SIDE; ++row) {
        uint8_t *const to = &patch[row * SIDE * image->channels];
        const int32_t y = top + row;
        if ((y < 0) || (y >= image->height)) {
            fill_outside(image, to, 0, SIDE);
        } else {
            fill_outside(image, to, 0, first);
            hv_flip(&input[((y * image->width) + left + first) * image->channels], &to[first * image->channels], (uint32_t)((last - first) * image->channels));
            fill_outside(image, to, last, SIDE);
        }
    }
}

#if !HV_DSP

static void input_line(const int32_t d[SIDE], int32_t t[SIDE])
{
    t[0] = (4 * d[0]) - (5 * d[2]) + d[4];
    t[1] = (-4 * d[1]) - (4 * d[2]) + d[3] + d[4];
    t[2] = (4 * d[1]) - (4 * d[2]) - d[3] + d[4];
    t[3] = (-2 * d[1]) - d[2] + (2 * d[3]) + d[4];
    t[4] = (2 * d[1]) - d[2] - (2 * d[3]) + d[4];
    t[5] = (4 * d[1]) - (5 * d[3]) + d[5];
}

static void weight_line(const int32_t g[3], int32_t u[SIDE])
{
    u[0] = g[0];
    u[1] = g[0] + g[1] + g[2];
    u[2] = g[0] - g[1] + g[2];
    u[3] = g[0] + (2 * g[1]) + (4 * g[2]);
    u[4] = g[0] - (2 * g[1]) + (4 * g[2]);
    u[5] = g[2];
}

/* Modulo 2^32, like all that follows from it. */
static void output_line(const uint32_t m[SIDE], uint32_t y[OUTPUTS])
{
    y[0] = (6u * m[0]) - (4u * (m[1] + m[2])) + (m[3] + m[4]);
    y[1] = (m[3] - m[4]) - (2u * (m[1] - m[2]));
    y[2] = (m[3] + m[4]) - (m[1] + m[2]);
    y[3] = (2u * (m[3] - m[4])) - (m[1] - m[2]) + (6u * m[5]);
}

/* The place of an element among four that are kept in the order 0, 2, 1, 3. */
static uint32_t in_quad(uint32_t c)
{
    static const uint32_t place[4] = {0u, 2u, 1u, 3u};
    return (c & ~3u) + place[c % 4u];
}

void hv_winograd_inputs_in_c(const uint8_t patch[], int16_t points[], uint32_t channels)
{
    for (uint32_t c = 0u; c < channels; ++c) {
        int32_t rows[SIDE][SIDE];
        for (uint32_t y = 0u; y < (uint32_t)SIDE; ++y) {
            int32_t d[SIDE];
            for (uint32_t x = 0u; x < (uint32_t)SIDE; ++x) {
                d[x] = patch[(((y * (uint32_t)SIDE) + x) * channels) + c];
            }
            input_line(d, rows[y]);
        }
        for (uint32_t x = 0u; x < (uint32_t)SIDE; ++x) {
            int32_t d[SIDE];
            int32_t t[SIDE];
            for (uint32_t y = 0u; y < (uint32_t)SIDE; ++y) {
                d[y] = rows[y][x];
            }
            input_line(d, t);
            for (uint32_t y = 0u; y < (uint32_t)SIDE; ++y) {
                points[(((x * (uint32_t)SIDE) + y) * TILES * channels) + in_quad(c)] = (int16_t)t[y];
            }
        }
    }
}

/* Puts an int16 into the lower or the upper half of a word. */
static void put_half(int32_t *word, uint32_t half, int32_t value)
{
    const uint32_t mask = 0xFFFFu << (16u * half);
    *word = (int32_t)(((uint32_t)*word & ~mask) | (((uint32_t)value << (16u * half)) & mask));
}

static int32_t half_of(int32_t word, uint32_t half)
{
    const uint32_t bits = ((uint32_t)word >> (16u * half)) & 0xFFFFu;
    return (int32_t)bits - ((bits >= 0x8000u) ? 0x10000 : 0);
}

void hv_winograd_weights_in_c(const int32_t bytes[], int32_t weights[], uint32_t channels)
{
    for (uint32_t c = 0u; c < channels; ++c) {
        int32_t rows[3][SIDE];
        for (uint32_t y = 0u; y < 3u; ++y) {
            int32_t g[3];
            for (uint32_t x = 0u; x < 3u; ++x) {
                const uint32_t word = (uint32_t)bytes[((c / 4u) * 9u) + (y * 3u) + x];
                g[x] = (int32_t)((word >> (8u * (c % 4u))) & 0xFFu) - 128;
            }
            weight_line(g, rows[y]);
        }
        for (uint32_t x = 0u; x < (uint32_t)SIDE; ++x) {
            const int32_t g[3] = {rows[0][x], rows[1][x], rows[2][x]};
            int32_t u[SIDE];
            weight_line(g, u);
            for (uint32_t y = 0u; y < (uint32_t)SIDE; ++y) {
                const uint32_t word = (((x * (uint32_t)SIDE) + y) * (channels / 2u)) + (in_quad(c) / 2u);
                put_half(&weights[2u * word], in_quad(c) % 2u, u[y]);
            }
        }
    }
}

void hv_winograd_products_in_c(const int16_t points[], const int32_t weights[], int32_t sums[], uint32_t channels)
{
    for (uint32_t point = 0u; point < (uint32_t)(SIDE * SIDE); ++point) {
        for (uint32_t sum = 0u; sum < (2u * TILES); ++sum) {
            const int16_t *const inputs = &points[((point * TILES) + (sum % TILES)) * channels];
            uint32_t acc = 0u;
            for (uint32_t c = 0u; c < channels; ++c) {
                const int32_t word = weights[(((point * (channels / 2u)) + (c / 2u)) * 2u) + (sum / TILES)];
                acc += (uint32_t)(half_of(word, c % 2u) * inputs[c]);
            }
            sums[(point * 2u * TILES) + sum] = (int32_t)acc;
        }
    }
}

/* One tile of one channel: 64 times its accumulators modulo 2^32, without the bias. */
static void outputs_of_tile(const int32_t sums[], uint32_t outputs[OUTPUTS][OUTPUTS])
{
    static const uint32_t powers[OUTPUTS] = {0u, 1u, 2u, 2u}; /* of two that a line leaves out */
    const uint32_t inverse_of_9 = 0x38E38E39u;                /* modulo 2^32: 576 = 9 * 64 */
    uint32_t rows[OUTPUTS][SIDE];
    for (uint32_t x = 0u; x < (uint32_t)SIDE; ++x) {
        uint32_t m[SIDE];
        uint32_t y[OUTPUTS];
        for (uint32_t i = 0u; i < (uint32_t)SIDE; ++i) {
            m[i] = (uint32_t)sums[((x * (uint32_t)SIDE) + i) * 2u * TILES];
        }
        output_line(m, y);
        for (uint32_t i = 0u; i < (uint32_t)OUTPUTS; ++i) {
            rows[i][x] = y[i];
        }
    }
    for (uint32_t y = 0u; y < (uint32_t)OUTPUTS; ++y) {
        output_line(rows[y], outputs[y]);
        for (uint32_t x = 0u; x < (uint32_t)OUTPUTS; ++x) {
            outputs[y][x] *= inverse_of_9 << (powers[y] + powers[x]);
        }
    }
}

void hv_winograd_outputs_in_c(const hv_winograd_t *finish, int8_t *const tiles[4], const int32_t sums[], const int32_t constants[], uint32_t channel)
{
    for (uint32_t sum = 0u; sum < (2u * TILES); ++sum) {
        const int32_t *const constant = &constants[(1u + finish->multipliers) * (sum / TILES)];
        uint32_t outputs[OUTPUTS][OUTPUTS];
        outputs_of_tile(&sums[sum], outputs);
        for (uint32_t y = 0u; y < (uint32_t)OUTPUTS; ++y) {
            for (uint32_t x = 0u; x < (uint32_t)OUTPUTS; ++x) {
                const int32_t acc = (int32_t)(outputs[y][x] + (uint32_t)constant[0]) / 64; /* exact */
                tiles[sum % TILES][(y * finish->row) + (x * finish->channels) + channel + (sum / TILES)] =
                    hv_requantise_prelu(acc, constant[1], constant[finish->multipliers], finish->left_shift, finish->zero_point, finish->lo, finish->hi);
            }
        }
    }
}
#endif
