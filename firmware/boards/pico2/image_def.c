/* image_def.c: tells the RP2350's boot ROM that this is a program for its Arm cores, in Secure state.
 * Source: RP2350 Datasheet, "Minimum viable image metadata", "Minimum Arm IMAGE_DEF". */
#include <stdint.h>

extern const uint32_t hv_image_def[5];

__attribute__((section(".boot_end"), used)) const uint32_t hv_image_def[5] = {
    0xFFFFDED3u, /* start of a block */
    0x10210142u, /* one word of image type: executable, Secure, Arm, RP2350 */
    0x000001FFu, /* last item: one word came before it */
    0x00000000u, /* the next block is this one */
    0xAB123579u, /* end of the block */
};
