/* frames.c: images from stdin through the frames' calls; for test_frames.py.
 *
 * Each image is preceded by a byte: 0 a frame with a face, 1 one without, 2 forget everything.
 * After each frame with a face the window's verdict is printed. */
#include "hv_model.h"
#include FRAMES_HEADER

#include <stdio.h>

static union {
    _Alignas(HV_MODEL_ARENA_ALIGNMENT) uint8_t bytes[HV_MODEL_ARENA_BYTES];
} arena;
static uint8_t image[HV_MODEL_IMAGE_BYTES];

int main(void)
{
    static FRAMES(t) frames;
    FRAMES(begin)(&frames);
    int order;
    while ((order = getchar()) != EOF) {
        if (fread(image, 1, sizeof(image), stdin) != sizeof(image)) {
            return 1;
        }
        if (order == 1) {
            FRAMES(miss)(&frames);
        } else if (order == 2) {
            FRAMES(begin)(&frames);
        } else {
            hv_result_t result;
            if (hv_model_run(HV_MODEL_PERSON, image, arena.bytes, &result) != HV_OK) {
                return 2;
            }
            FRAMES(add)(&frames, HV_MODEL_PERSON, arena.bytes, &result);
            (void)printf("%ld %ld %ld\n", (long)result.score, (long)result.norm_squared, (long)result.accepted);
        }
    }
    return 0;
}
