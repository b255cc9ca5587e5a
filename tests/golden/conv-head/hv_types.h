/* hv_types.h: types that every generated kernel and its callers share. */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdint.h>

/* What a call can answer. Anything but HV_OK leaves *result untouched. */
typedef enum {
    HV_OK = 0,
    HV_ERROR_ARGUMENT = 1,          /* a null pointer or a layer number out of range */
    HV_ERROR_ALIGNMENT = 2,         /* arena or person not aligned as required */
    HV_ERROR_ABI = 3,               /* the person's weights belong to another kernel */
    HV_ERROR_BUNDLE_TRUNCATED = 4,  /* fewer bytes than the bundle's header announces */
    HV_ERROR_BUNDLE_FORMAT = 5,     /* not a bundle, or of another format version */
    HV_ERROR_BUNDLE_CRC = 6,        /* the bytes were altered */
    HV_MORE = 7,                    /* no error: the image has more rows */
    HV_ERROR_BUNDLE_ABI = 8,        /* the bundle is for another architecture or kernel */
    HV_ERROR_BUNDLE_UNSIGNED = 9,   /* it has no signature, and one is demanded */
    HV_ERROR_BUNDLE_SIGNATURE = 10, /* its signature is not that of these bytes by that key */
    HV_ERROR_BUNDLE_OLD = 11,       /* its version is lower than what is wanted at least */
    HV_ERROR_BUNDLE_SIZE = 12,      /* larger than there is room for, or bytes behind its end */
    HV_ERROR_FLASH = 32,            /* a flash driver failed, or what was programmed does not read back */
    HV_ERROR_SLOTS_NONE = 33,       /* no people were ever kept in this flash, or all of it is damaged */
    HV_ERROR_SLOTS_FULL = 34,       /* no room for one more person */
    HV_ERROR_SLOTS_USERS = 35,      /* no room to remember one more user id */
    HV_ERROR_SLOTS_UNKNOWN = 36,    /* nobody has this user id */
    HV_ERROR_SLOTS_DAMAGED = 37,    /* the person's bytes in flash are not those that were written */
    HV_ERROR_SLOTS_ORDER = 38,      /* no update was begun, or not all of its bytes came, or too many */
    HV_ERROR_SLOTS_LAYOUT = 39      /* flash was formatted for other sizes of blocks or bundles */
} hv_status_t;

/* The verdict on one image. */
typedef struct {
    int32_t score;        /* accumulator of the last layer, exact */
    int32_t norm_squared; /* sum of the squared features, 0 for a plain decision */
    int32_t accepted;     /* 1: the same person, 0: not */
} hv_result_t;

/* Where a layer's output lies in the arena, right after that layer ran. */
typedef struct {
    uint32_t offset_bytes;
    uint32_t size_bytes;
} hv_tensor_t;

/* A layer's tensor in what a network answers. */
typedef struct {
    uint32_t layer;
    uint32_t offset_bytes;
} hv_output_t;

/* A row of a layer that was just computed, and where it lies in the arena. */
typedef struct {
    uint32_t layer; /* the number of all layers: none could be computed */
    uint32_t y;
    uint32_t offset_bytes;
    uint32_t size_bytes;
} hv_row_t;

/* The mark of an arena that takes rows. */
#define HV_ROWS_BEGUN 0x524F5753u

#endif
