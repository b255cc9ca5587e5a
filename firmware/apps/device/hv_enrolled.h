/* hv_enrolled.h: the requests that concern the people on the device. A network without people has a device
 * too: there, number 0 is nobody, and everything else is unknown. */
#ifndef HV_ENROLLED_H
#define HV_ENROLLED_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_link.h"
#include "hv_model.h"
#include "hv_types.h"

void hv_enrolled_begin(void);

/* The weights of the person of that number; HV_ERROR_ARGUMENT if there is none.
 * *person is left alone by a network without people. */
hv_status_t hv_enrolled_find(uint32_t number, const void **person);

#if HV_MODEL_PERSON_BYTES > 0u
/* Everybody's weights by number, NULL where the bundle is damaged, and how many there are. All bundles are checked
 * after anybody came or went; after that one at each call, in turn, so that many people do not cost many checks. */
uint32_t hv_enrolled_everybody(const hv_model_person_t *const **people);
#endif

/* people, slots (2 bytes each), bytes of a slot (4). */
void hv_enrolled_identify(uint8_t data[8]);

/* Runs the known answer: the person's own, or the network's. HV_ERROR_ARGUMENT: nobody of that number.
 * data: seed, then score, norm squared and acceptance as expected and as computed, where there is a verdict. */
hv_status_t hv_enrolled_test(uint32_t number, uint8_t image[], uint8_t arena[], uint8_t data[], uint32_t *size_bytes);

/* Whether there is such a kind at all; whether a request of a person's kind has the right size. */
bool hv_enrolled_knows(uint32_t kind);
bool hv_enrolled_is_well_formed(const hv_link_request_t *request);

/* Answers a request of a person's kind. True: the people may have changed. */
bool hv_enrolled_serve(hv_link_t *link);

#endif
