/* hv_stored.h: a record of the journal as bytes in flash. */
#ifndef HV_STORED_H
#define HV_STORED_H

#include "hv_journal.h"

#define HV_STORED_BYTES 44u
#define HV_STORED_PADDED_MOST 64u /* in units of HV_FLASH_WRITE_MOST */

/* A record as it lies in flash. */
typedef struct {
    hv_record_t record;
    uint32_t copy; /* 0: the first of its entry, 1: the second */
    uint32_t epoch;
    uint32_t sequence;
} hv_stored_t;

/* The bytes of a record, with 0xFF behind. */
void hv_stored_encode(const hv_stored_t *stored, uint8_t bytes[HV_STORED_PADDED_MOST]);

/* False if they are no record: erased, or the CRC differs. */
bool hv_stored_decode(const uint8_t bytes[HV_STORED_BYTES], hv_stored_t *stored);

#endif
