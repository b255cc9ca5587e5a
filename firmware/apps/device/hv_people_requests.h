/* hv_people_requests.h: the requests that concern the people on the device. A network without people has a device
 * too: there, number 0 is nobody, and everything else is unknown. */
#ifndef HV_PEOPLE_REQUESTS_H
#define HV_PEOPLE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_link.h"
#include "hv_types.h"

void hv_people_begin(void);

/* The weights of the person of that number; HV_ERROR_ARGUMENT if there is none.
 * *person is left alone by a network without people. */
hv_status_t hv_people_find(uint32_t number, const void **person);

/* people, slots (2 bytes each), bytes of a slot (4). */
void hv_people_identify(uint8_t data[8]);

/* Runs the known answer: the person's own, or the network's. HV_ERROR_ARGUMENT: nobody of that number.
 * data: seed, then score, norm squared and acceptance as expected and as computed, where there is a verdict. */
hv_status_t hv_people_test(uint32_t number, uint8_t image[], uint8_t arena[], uint8_t data[], uint32_t *size_bytes);

/* Whether there is such a kind at all; whether a request of a person's kind has the right size. */
bool hv_people_knows(uint32_t kind);
bool hv_people_is_well_formed(const hv_link_request_t *request);

/* Answers a request of a person's kind. True: the people may have changed. */
bool hv_people_serve(hv_link_t *link);

#endif
