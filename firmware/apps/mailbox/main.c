/* mailbox: runs the kernel on an image that a debugger puts into RAM. It uses no clock, no port and no pin, so
 * that it is the same on every board with a core it was built for, at whatever clock that has after reset. */
#include "hv_mailbox.h"

#include <stdint.h>

static _Alignas(HV_MODEL_ARENA_ALIGNMENT) __attribute__((section(".arena"))) uint8_t arena[HV_MODEL_ARENA_BYTES];

_Alignas(HV_MODEL_IMAGE_ALIGNMENT) uint8_t hv_mailbox_image[HV_MODEL_IMAGE_BYTES];
volatile hv_mailbox_t hv_mailbox;

/* Kept whole and out of line: a debugger finds it by its name. */
__attribute__((noinline, used)) void hv_mailbox_idle(void)
{
    __asm__ volatile("" ::
                         : "memory");
}

static void answer(uint32_t request)
{
    hv_model_result_t result;
    const hv_status_t status = hv_model_run(HV_MODEL_PERSON, hv_mailbox_image, arena, &result);
    if (status == HV_OK) {
        hv_mailbox.result = result;
    }
    hv_mailbox.status = (uint32_t)status;
    hv_mailbox.answered = request;
}

int main(void)
{
    hv_mailbox.magic = HV_MAILBOX_MAGIC;
    for (;;) {
        hv_mailbox_idle();
        const uint32_t request = hv_mailbox.request;
        if (request != hv_mailbox.answered) {
            answer(request);
        }
    }
}
