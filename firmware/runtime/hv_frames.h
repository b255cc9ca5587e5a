/* hv_frames.h: one verdict on the last frames of a camera, from the sum of their features.
 *
 * The sum w.h1 + w.h2 + ... over |h1 + h2 + ...| is the cosine of the mean feature vector: the
 * same integers, the same threshold and the same comparison as for one frame. <kernel>_frames.h,
 * which `hvcodegen emit --frames` writes, has the calls for one kernel. The twin in Python is
 * codegen/frames.py. */
#ifndef HV_FRAMES_H
#define HV_FRAMES_H

#include "hv_types.h"

/* Which frames a window holds. */
typedef struct {
    uint32_t held;   /* frames in the window, 0 to its capacity */
    uint32_t next;   /* where the next one goes */
    uint32_t missed; /* frames without a usable face since the last one that was kept */
} hv_frames_t;

/* Forgets every frame: before the first, and whenever the face in view may be another's. */
void hv_frames_begin(hv_frames_t *frames);

/* Keeps one frame's score and features; the oldest goes if the window is full. */
void hv_frames_add(
    hv_frames_t *frames,
    uint32_t capacity,
    uint32_t features,
    int32_t score,
    const int8_t frame[],   /* [features] */
    int32_t scores[],       /* [capacity] */
    int8_t window[]);       /* [capacity * features] */

/* A frame without a usable face. As many in a row as the window holds, and it is empty. */
void hv_frames_miss(hv_frames_t *frames, uint32_t capacity);

/* The sum of the window's scores: below 2^31, as the caller proves. */
int32_t hv_frames_score(const hv_frames_t *frames, const int32_t scores[]);

/* The squared length of the sum of its features: below 2^31 for features * (255 * held)^2 < 2^31. */
int32_t hv_frames_norm_squared(const hv_frames_t *frames, uint32_t features, int32_t zero_point, const int8_t window[]);

/* 1 if the mean score of the window's frames reaches the threshold; 0 of an empty window. */
int32_t hv_frames_accept_plain(const hv_frames_t *frames, int32_t score, int32_t threshold);

#endif
