/* hv_mailbox.h: an image in, a verdict out, through memory that a debugger reads and writes.
 * host_tools/flash/mailbox.py is its twin; all numbers are little-endian. */
#ifndef HV_MAILBOX_H
#define HV_MAILBOX_H

#include <stdint.h>

#include "hv_model.h"

#define HV_MAILBOX_MAGIC 0x31424D48u /* "HMB1": the firmware has started */

/* The debugger writes the image, then another number into `request`. The answer stands once `answered` is the
 * same number; anything but HV_OK in `status` leaves `result` as it was. */
typedef struct {
    uint32_t magic;
    uint32_t request;
    uint32_t answered;
    uint32_t status; /* an hv_status_t */
    hv_model_result_t result;
} hv_mailbox_t;

extern volatile hv_mailbox_t hv_mailbox;
extern uint8_t hv_mailbox_image[HV_MODEL_IMAGE_BYTES];

/* Called between requests, again and again: the place for a breakpoint, and for a watchdog. */
void hv_mailbox_idle(void);

#endif
