/* hv_storage.h: the flash in which a board keeps people. hv_storage_kept.c serves boards that have no driver; a folder
 * of firmware/boards with a storage.c of its own replaces it. What a driver owes: hv_flash.h. */
#ifndef HV_STORAGE_H
#define HV_STORAGE_H

#include "hv_flash.h"
#include "hv_model.h"

/* The largest bundle: a person's weights; headers, known answer, signature and trailer take 208 bytes. */
#define HV_STORAGE_BUNDLE_BYTES ((HV_MODEL_PERSON_BYTES + 256u + 15u) & ~15u)

/* For the journal of hv_slots.h: an even number of blocks. */
hv_flash_t hv_storage_journal(void);

/* For bundles: other blocks, of the same or another size. */
hv_flash_t hv_storage_data(void);

#endif
