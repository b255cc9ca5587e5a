/* hv_frames.c: see hv_frames.h. */
#include "hv_frames.h"

void hv_frames_begin(hv_frames_t *frames)
{
    frames->held = 0;
    frames->next = 0;
    frames->missed = 0;
}

void hv_frames_add(
    hv_frames_t *frames,
    uint32_t capacity,
    uint32_t features,
    int32_t score,
    const int8_t frame[],
    int32_t scores[],
    int8_t window[])
{
    scores[frames->next] = score;
    for (uint32_t i = 0; i < features; ++i) {
        window[(frames->next * features) + i] = frame[i];
    }
    frames->next = ((frames->next + 1u) < capacity) ? (frames->next + 1u) : 0u;
    frames->held = (frames->held < capacity) ? (frames->held + 1u) : capacity;
    frames->missed = 0;
}

void hv_frames_miss(hv_frames_t *frames, uint32_t capacity)
{
    frames->missed += 1u;
    if (frames->missed >= capacity) {
        hv_frames_begin(frames);
    }
}

int32_t hv_frames_score(const hv_frames_t *frames, const int32_t scores[])
{
    int32_t sum = 0;
    for (uint32_t k = 0; k < frames->held; ++k) { /* a window that is not full begins at 0 */
        sum += scores[k];
    }
    return sum;
}

int32_t hv_frames_norm_squared(const hv_frames_t *frames, uint32_t features, int32_t zero_point, const int8_t window[])
{
    int32_t norm_squared = 0;
    for (uint32_t i = 0; i < features; ++i) {
        int32_t sum = 0; /* at most 255 * held */
        for (uint32_t k = 0; k < frames->held; ++k) {
            sum += window[(k * features) + i] - zero_point;
        }
        norm_squared += sum * sum;
    }
    return norm_squared;
}

int32_t hv_frames_accept_plain(const hv_frames_t *frames, int32_t score, int32_t threshold)
{
    const int64_t needed = (int64_t)threshold * (int64_t)frames->held;
    return ((frames->held > 0u) && (score >= needed)) ? 1 : 0;
}
