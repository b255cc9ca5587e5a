/* hv_widen.S: bytes to int16 on cores with DSP instructions; see hv_dsp.h. Twins in hv_dsp.c.
 *
 * Each function takes its arguments in r0, r1, r2 and uses no stack but for the registers it saves. */
#include "hv_dsp.h"

#if HV_DSP
    .syntax unified
    .thumb

    .macro function name
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .thumb_func
    .balign 4
\name:
    .endm

/* Bytes 0 to 3 of a word as \low = 0, 2 and \high = 1, 3. */
    .macro widen_quad low, high, word
    sxtb16 \low, \word
    sxtb16 \high, \word, ror #8
    .endm

/* Bytes 0 to 3 of a word in their order: \word = 0, 1 and \high = 2, 3. */
    .macro widen_in_order word, high, scratch
    sxtb16 \scratch, \word
    sxtb16 \high, \word, ror #8
    pkhbt \word, \scratch, \high, lsl #16
    pkhtb \high, \high, \scratch, asr #16
    .endm

/* void hv_widen_quads(const int8_t from[], int16_t to[], uint32_t count)
 *   r0 from   r1 to   r2 count   r3-r6 words   r7-r8 widened
 *   stack 24 bytes */
    function hv_widen_quads
    push {r4-r8, lr}
    subs r2, r2, #16
    blo 2f
1:  ldm r0!, {r3-r6}
    widen_quad r7, r8, r3
    str r7, [r1]
    str r8, [r1, #4]
    widen_quad r7, r8, r4
    str r7, [r1, #8]
    str r8, [r1, #12]
    widen_quad r7, r8, r5
    str r7, [r1, #16]
    str r8, [r1, #20]
    widen_quad r7, r8, r6
    str r7, [r1, #24]
    str r8, [r1, #28]
    adds r1, r1, #32
    subs r2, r2, #16
    bhs 1b
2:  adds r2, r2, #16
    beq 4f
3:  ldr r3, [r0], #4
    widen_quad r7, r8, r3
    str r7, [r1], #4
    str r8, [r1], #4
    subs r2, r2, #4
    bne 3b
4:  pop {r4-r8, pc}
    .size hv_widen_quads, . - hv_widen_quads

/* The two that keep the order; \flip is 0, or 1 for a camera's bytes, which may lie anywhere: LDR does not
 * mind, LDM would.
 *   r0 from   r1 to   r2 count   r3-r6 words   r7 upper half   r8 scratch   r9 0x80808080
 *   stack 28 bytes */
    .macro in_order name, flip
    function \name
    push {r4-r9, lr}
    .if \flip
    mov r9, #0x80808080
    .endif
    subs r2, r2, #16
    blo 2f
1:  ldr r3, [r0], #4
    ldr r4, [r0], #4
    ldr r5, [r0], #4
    ldr r6, [r0], #4
    .if \flip
    eor r3, r3, r9
    eor r4, r4, r9
    eor r5, r5, r9
    eor r6, r6, r9
    .endif
    widen_in_order r3, r7, r8
    str r3, [r1]
    str r7, [r1, #4]
    widen_in_order r4, r7, r8
    str r4, [r1, #8]
    str r7, [r1, #12]
    widen_in_order r5, r7, r8
    str r5, [r1, #16]
    str r7, [r1, #20]
    widen_in_order r6, r7, r8
    str r6, [r1, #24]
    str r7, [r1, #28]
    adds r1, r1, #32
    subs r2, r2, #16
    bhs 1b
2:  adds r2, r2, #16
    beq 4f
3:  ldr r3, [r0], #4
    .if \flip
    eor r3, r3, r9
    .endif
    widen_in_order r3, r7, r8
    str r3, [r1], #4
    str r7, [r1], #4
    subs r2, r2, #4
    bne 3b
4:  pop {r4-r9, pc}
    .size \name, . - \name
    .endm

/* void hv_widen(const int8_t from[], int16_t to[], uint32_t count) */
    in_order hv_widen, 0

/* void hv_widen_camera(const uint8_t from[], int16_t to[], uint32_t count) */
    in_order hv_widen_camera, 1

/* void hv_widen_channels(const int8_t from[], int16_t to[], uint32_t pixels, uint32_t channels, uint32_t count, uint32_t row_elements)
 *
 * Four channels at a time, two pixels of each at once: one word to each of four rows.
 *   r0 from           r1 to                r2 pixels     r3 channels
 *   r4 pixels left    r5, r6, r7 one, two, three rows in bytes
 *   r8, r9 words      r10, r11, lr what comes of them     r12 channels left
 *   stack 44 bytes */
    .macro pair_of_pixels
    ldr r8, [r0]
    ldr r9, [r0, r3]
    add r0, r0, r3, lsl #1
    sxtb16 r10, r8 /* channels 0, 2 */
    sxtb16 r11, r9
    sxtb16 r8, r8, ror #8 /* channels 1, 3 */
    sxtb16 r9, r9, ror #8
    pkhtb lr, r11, r10, asr #16
    pkhbt r10, r10, r11, lsl #16
    pkhtb r11, r9, r8, asr #16
    pkhbt r8, r8, r9, lsl #16
    str r8, [r1, r5]
    str lr, [r1, r6]
    str r11, [r1, r7]
    str r10, [r1], #4
    .endm

    function hv_widen_channels
    push {r4-r11, lr}
    ldr r12, [sp, #36] /* channels left */
    ldr r5, [sp, #40]
    lsl r5, r5, #1
    lsl r6, r5, #1
    add r7, r5, r6
1:  push {r0, r1}
    mov r4, r2
    tst r4, #2
    beq 2f
    pair_of_pixels
    subs r4, r4, #2
    beq 3f
2:  pair_of_pixels
    pair_of_pixels
    subs r4, r4, #4
    bne 2b
3:  pop {r0, r1}
    adds r0, r0, #4
    add r1, r1, r5, lsl #2
    subs r12, r12, #4
    bne 1b
    pop {r4-r11, pc}
    .size hv_widen_channels, . - hv_widen_channels

/* void hv_flip(const int8_t from[], uint8_t to[], uint32_t count)
 *   r0 from   r1 to   r2 count   r3, r4, r5, r12 words
 *   stack 8 bytes */
    function hv_flip
    push {r4, r5}
    subs r2, r2, #16
    blo 2f
1:  ldm r0!, {r3, r4, r5, r12}
    eor r3, r3, #0x80808080
    eor r4, r4, #0x80808080
    eor r5, r5, #0x80808080
    eor r12, r12, #0x80808080
    stm r1!, {r3, r4, r5, r12}
    subs r2, r2, #16
    bhs 1b
2:  adds r2, r2, #16
    beq 4f
3:  ldr r3, [r0], #4
    eor r3, r3, #0x80808080
    str r3, [r1], #4
    subs r2, r2, #4
    bne 3b
4:  pop {r4, r5}
    bx lr
    .size hv_flip, . - hv_flip

/* void hv_move_down(void *to, const void *from, uint32_t size_bytes)
 *   r0 to   r1 from   r2 size   r3, r4, r5, r12 words
 *   stack 8 bytes */
    function hv_move_down
    push {r4, r5}
    subs r2, r2, #16
    blo 2f
1:  ldr r3, [r1], #4
    ldr r4, [r1], #4
    ldr r5, [r1], #4
    ldr r12, [r1], #4
    str r3, [r0], #4
    str r4, [r0], #4
    str r5, [r0], #4
    str r12, [r0], #4
    subs r2, r2, #16
    bhs 1b
2:  adds r2, r2, #16
    beq 4f
3:  ldr r3, [r1], #4
    str r3, [r0], #4
    subs r2, r2, #4
    bne 3b
4:  pop {r4, r5}
    bx lr
    .size hv_move_down, . - hv_move_down

/* void hv_fill(int16_t to[], uint32_t count, int32_t value)
 *   r0 to   r1 count   r2 value, twice in a word
 *   stack 0 bytes */
    function hv_fill
    pkhbt r2, r2, r2, lsl #16
    subs r1, r1, #8
    blo 2f
1:  str r2, [r0]
    str r2, [r0, #4]
    str r2, [r0, #8]
    str r2, [r0, #12]
    adds r0, r0, #16
    subs r1, r1, #8
    bhs 1b
2:  adds r1, r1, #8
    beq 4f
3:  str r2, [r0], #4
    subs r1, r1, #2
    bne 3b
4:  bx lr
    .size hv_fill, . - hv_fill
#endif
