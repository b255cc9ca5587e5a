/* hv_link.h: the frames of the link between a device and its host. Twin of host_tools/link/protocol.py; docs/link.md.
 *
 *   frame: COBS(packet), 0x00
 *   packet: version, kind, sequence (2 bytes), payload (at most HV_LINK_PAYLOAD_BYTES), CRC-32 of all before it
 *
 * All numbers are little-endian. The host asks and the device answers, one request at a time; an answer has the
 * request's kind with HV_LINK_ANSWER and its sequence. The same request again gets the same answer, and nothing
 * is done twice.
 *
 * Nothing here waits or touches a port: bytes are fed in and taken out.
 *
 *     static hv_link_t link;
 *     hv_link_begin(&link);
 *     for (;;) {
 *         if (hv_uart_get(&byte) && hv_link_feed(&link, byte)) {
 *             serve(&link); // reads link.request, ends with hv_link_answer()
 *         }
 *         ... while hv_link_take(&link, &byte): put it
 *     } */
#ifndef HV_LINK_H
#define HV_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define HV_LINK_VERSION 1u

/* The largest payload; 160 to 4096, a multiple of 4. The host learns it from HV_LINK_PING. */
#if !defined(HV_LINK_PAYLOAD_BYTES)
#define HV_LINK_PAYLOAD_BYTES 256u
#endif

#define HV_LINK_HEADER_BYTES 4u
#define HV_LINK_CRC_BYTES 4u
#define HV_LINK_PACKET_BYTES (HV_LINK_HEADER_BYTES + HV_LINK_PAYLOAD_BYTES + HV_LINK_CRC_BYTES)

/* An answer's payload begins with its code and the kernel's status, then two zeros. */
#define HV_LINK_VERDICT_BYTES 4u
#define HV_LINK_DATA_BYTES (HV_LINK_PAYLOAD_BYTES - HV_LINK_VERDICT_BYTES)

/* In an answer, together with the request's kind. */
#define HV_LINK_ANSWER 0x80u

typedef enum {
    HV_LINK_PING = 1,
    HV_LINK_IDENTIFY = 2,
    HV_LINK_IMAGE = 3,
    HV_LINK_RUN = 4,
    HV_LINK_RESULT = 5,
    HV_LINK_STEP = 6,
    HV_LINK_TENSOR = 7,
    HV_LINK_SELFTEST = 8,
    HV_LINK_BUNDLE_BEGIN = 9,
    HV_LINK_BUNDLE_DATA = 10,
    HV_LINK_BUNDLE_COMMIT = 11,
    HV_LINK_BUNDLE_ABORT = 12,
    HV_LINK_PEOPLE = 13,
    HV_LINK_REMOVE = 14,
    HV_LINK_WHO = 15
} hv_link_kind_t;

/* The number in the answer to HV_LINK_WHO that is nobody's. */
#define HV_LINK_NOBODY 0xFFFFu

typedef enum {
    HV_LINK_DONE = 0,
    HV_LINK_UNKNOWN = 1,         /* no request of that kind */
    HV_LINK_MALFORMED = 2,       /* a payload of another size than the kind has */
    HV_LINK_RANGE = 3,           /* an offset, a length or a number that leaves what there is */
    HV_LINK_ORDER = 4,           /* not now: something has to come first */
    HV_LINK_REFUSED = 5,         /* the status says why */
    HV_LINK_FULL = 6,            /* no room for one more person */
    HV_LINK_OTHER_VERSION = 7    /* the request is of another version of the protocol */
} hv_link_code_t;

/* A request whose CRC is right; payload points into the link. */
typedef struct {
    uint32_t kind; /* hv_link_kind_t, or any other byte */
    uint32_t sequence;
    const uint8_t *payload;
    uint32_t size_bytes;
} hv_link_request_t;

/* Undoes COBS byte by byte. */
typedef struct {
    uint32_t size_bytes; /* of the packet so far */
    uint32_t block_left; /* bytes until the next code byte */
    bool begun;          /* there was a code byte since the last delimiter */
    bool zero_due;       /* the block stands for a zero behind it, if anything follows */
    bool broken;         /* ignore everything up to the delimiter */
} hv_link_decoder_t;

/* Does COBS byte by byte. */
typedef struct {
    uint32_t phase;
    uint32_t at; /* in the packet */
    uint32_t block_left;
    bool block_full; /* 254 bytes: it stands for no zero */
} hv_link_encoder_t;

typedef struct {
    uint8_t incoming[HV_LINK_PACKET_BYTES];
    uint8_t outgoing[HV_LINK_PACKET_BYTES];
    uint32_t outgoing_bytes; /* 0: nothing was answered yet */
    hv_link_decoder_t decoder;
    hv_link_encoder_t encoder;
    hv_link_request_t request;
    uint8_t answered[HV_LINK_HEADER_BYTES + HV_LINK_CRC_BYTES]; /* header and CRC of the last request */
    uint32_t refused; /* frames that were no packets; wraps */
} hv_link_t;

/* Forgets everything. */
void hv_link_begin(hv_link_t *link);

/* Takes one byte from the port. True: link->request waits for hv_link_answer().
 * A request that was answered already gets its answer again, and is not reported. */
bool hv_link_feed(hv_link_t *link, uint8_t byte);

/* Where the data of the answer go, HV_LINK_DATA_BYTES; not while an answer is being taken. */
uint8_t *hv_link_data(hv_link_t *link);

/* Answers link->request; size_bytes of hv_link_data() are part of it, at most HV_LINK_DATA_BYTES.
 * status is an hv_status_t, 0 where the kernel was not asked. */
void hv_link_answer(hv_link_t *link, hv_link_code_t code, uint32_t status, uint32_t size_bytes);

/* The next byte for the port; false: there is none. */
bool hv_link_take(hv_link_t *link, uint8_t *byte);

/* Numbers in payloads. */
uint32_t hv_link_get_u16(const uint8_t bytes[2]);
uint32_t hv_link_get_u32(const uint8_t bytes[4]);
void hv_link_put_u16(uint8_t bytes[2], uint32_t value);
void hv_link_put_u32(uint8_t bytes[4], uint32_t value);

_Static_assert(HV_LINK_PAYLOAD_BYTES >= 160u, "an identity has to fit");
_Static_assert((HV_LINK_PAYLOAD_BYTES <= 4096u) && ((HV_LINK_PAYLOAD_BYTES % 4u) == 0u), "what the host takes");

#endif
