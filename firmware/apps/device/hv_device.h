/* hv_device.h: answers the requests of docs/link.md with the kernel and the people of this device. */
#ifndef HV_DEVICE_H
#define HV_DEVICE_H

#include "hv_link.h"

/* Once, before the first request. */
void hv_device_begin(void);

/* Answers link->request. The longest answer takes one inference, or what the store needs to take in a person. */
void hv_device_serve(hv_link_t *link);

#endif
