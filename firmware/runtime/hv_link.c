/* hv_link.c: see hv_link.h.
 * COBS: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999. */
#include "hv_link.h"

#include <string.h>

#include "hv_crc.h"

#define DELIMITER 0u
#define FULL_BLOCK_CODE 255u /* 254 bytes follow, and no zero */
#define FULL_BLOCK_BYTES 254u

/* What the encoder gives next. */
#define PHASE_IDLE 0u
#define PHASE_OPENING 1u /* a delimiter, so that noise before it is no part of the frame */
#define PHASE_CODE 2u
#define PHASE_BYTES 3u
#define PHASE_CLOSING 4u

uint32_t hv_link_get_u16(const uint8_t bytes[2])
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8);
}

uint32_t hv_link_get_u32(const uint8_t bytes[4])
{
    return hv_link_get_u16(bytes) | (hv_link_get_u16(&bytes[2]) << 16);
}

void hv_link_put_u16(uint8_t bytes[2], uint32_t value)
{
    bytes[0] = (uint8_t)(value & 0xFFu);
    bytes[1] = (uint8_t)((value >> 8) & 0xFFu);
}

void hv_link_put_u32(uint8_t bytes[4], uint32_t value)
{
    hv_link_put_u16(bytes, value & 0xFFFFu);
    hv_link_put_u16(&bytes[2], value >> 16);
}

void hv_link_begin(hv_link_t *link)
{
    (void)memset(link, 0, sizeof(*link));
}

static void append(hv_link_t *link, uint8_t byte)
{
    hv_link_decoder_t *const decoder = &link->decoder;
    if (decoder->size_bytes < HV_LINK_PACKET_BYTES) {
        link->incoming[decoder->size_bytes] = byte;
        decoder->size_bytes++;
    } else {
        decoder->broken = true;
    }
}

static void decode(hv_link_t *link, uint8_t byte)
{
    hv_link_decoder_t *const decoder = &link->decoder;
    if (decoder->broken) {
        return;
    }
    if (decoder->block_left > 0u) {
        append(link, byte);
        decoder->block_left--;
        return;
    }
    if (decoder->zero_due) {
        append(link, 0u);
    }
    decoder->begun = true;
    decoder->zero_due = byte != FULL_BLOCK_CODE;
    decoder->block_left = (uint32_t)byte - 1u;
}

/* Whether the bytes between two delimiters were a packet. */
static bool is_packet(const hv_link_t *link)
{
    const hv_link_decoder_t *const decoder = &link->decoder;
    if (decoder->broken || (decoder->block_left > 0u) || (decoder->size_bytes < (HV_LINK_HEADER_BYTES + HV_LINK_CRC_BYTES))) {
        return false;
    }
    const uint32_t crc_at = decoder->size_bytes - HV_LINK_CRC_BYTES;
    return hv_crc32(0u, link->incoming, crc_at) == hv_link_get_u32(&link->incoming[crc_at]);
}

/* The packet's header and CRC tell requests apart: a host counts its sequence up. */
static bool was_answered(const hv_link_t *link, uint32_t crc_at)
{
    return (link->outgoing_bytes > 0u) &&
           (memcmp(link->answered, link->incoming, HV_LINK_HEADER_BYTES) == 0) &&
           (memcmp(&link->answered[HV_LINK_HEADER_BYTES], &link->incoming[crc_at], HV_LINK_CRC_BYTES) == 0);
}

static void send(hv_link_t *link)
{
    link->encoder.phase = PHASE_OPENING;
    link->encoder.at = 0u;
}

/* Takes up a packet. True: it is a new request, of this version. */
static bool receive(hv_link_t *link, uint32_t size_bytes)
{
    const uint32_t crc_at = size_bytes - HV_LINK_CRC_BYTES;
    if ((link->incoming[1] & HV_LINK_ANSWER) != 0u) {
        return false; /* an echo of our own answers, or two devices on one wire */
    }
    if (was_answered(link, crc_at)) {
        send(link);
        return false;
    }
    link->encoder.phase = PHASE_IDLE; /* nobody waits for the old answer */
    (void)memcpy(link->answered, link->incoming, HV_LINK_HEADER_BYTES);
    (void)memcpy(&link->answered[HV_LINK_HEADER_BYTES], &link->incoming[crc_at], HV_LINK_CRC_BYTES);
    link->request.kind = link->incoming[1];
    link->request.sequence = hv_link_get_u16(&link->incoming[2]);
    link->request.payload = &link->incoming[HV_LINK_HEADER_BYTES];
    link->request.size_bytes = crc_at - HV_LINK_HEADER_BYTES;
    if (link->incoming[0] != HV_LINK_VERSION) {
        hv_link_answer(link, HV_LINK_OTHER_VERSION, 0u, 0u);
        return false;
    }
    return true;
}

bool hv_link_feed(hv_link_t *link, uint8_t byte)
{
    if (byte != DELIMITER) {
        decode(link, byte);
        return false;
    }
    const bool begun = link->decoder.begun;
    const bool whole = begun && is_packet(link);
    const uint32_t size_bytes = link->decoder.size_bytes;
    (void)memset(&link->decoder, 0, sizeof(link->decoder));
    if (!whole) {
        link->refused += begun ? 1u : 0u;
        return false;
    }
    return receive(link, size_bytes);
}

uint8_t *hv_link_data(hv_link_t *link)
{
    return &link->outgoing[HV_LINK_HEADER_BYTES + HV_LINK_VERDICT_BYTES];
}

void hv_link_answer(hv_link_t *link, hv_link_code_t code, uint32_t status, uint32_t size_bytes)
{
    uint8_t *const packet = link->outgoing;
    const uint32_t data_bytes = (size_bytes <= HV_LINK_DATA_BYTES) ? size_bytes : HV_LINK_DATA_BYTES;
    const uint32_t crc_at = HV_LINK_HEADER_BYTES + HV_LINK_VERDICT_BYTES + data_bytes;
    packet[0] = (uint8_t)HV_LINK_VERSION;
    packet[1] = (uint8_t)(link->request.kind | HV_LINK_ANSWER);
    hv_link_put_u16(&packet[2], link->request.sequence);
    packet[4] = (uint8_t)code;
    packet[5] = (uint8_t)(status & 0xFFu);
    hv_link_put_u16(&packet[6], 0u);
    hv_link_put_u32(&packet[crc_at], hv_crc32(0u, packet, crc_at));
    link->outgoing_bytes = crc_at + HV_LINK_CRC_BYTES;
    send(link);
}

/* Bytes from `at` on up to the next zero, the packet's end or a full block. */
static uint32_t block_bytes(const hv_link_t *link)
{
    uint32_t at = link->encoder.at;
    uint32_t count = 0u;
    while ((count < FULL_BLOCK_BYTES) && (at < link->outgoing_bytes) && (link->outgoing[at] != 0u)) {
        at++;
        count++;
    }
    return count;
}

/* What follows a block: another one, or the end. */
static void end_block(hv_link_t *link)
{
    hv_link_encoder_t *const encoder = &link->encoder;
    if (encoder->at >= link->outgoing_bytes) {
        encoder->phase = PHASE_CLOSING;
        return;
    }
    encoder->at += encoder->block_full ? 0u : 1u; /* the zero that the block stands for */
    encoder->phase = PHASE_CODE;
}

static uint8_t take_code(hv_link_t *link)
{
    hv_link_encoder_t *const encoder = &link->encoder;
    encoder->block_left = block_bytes(link);
    encoder->block_full = encoder->block_left == FULL_BLOCK_BYTES;
    encoder->phase = PHASE_BYTES;
    const uint8_t code = (uint8_t)(encoder->block_left + 1u);
    if (encoder->block_left == 0u) {
        end_block(link);
    }
    return code;
}

static uint8_t take_from_block(hv_link_t *link)
{
    hv_link_encoder_t *const encoder = &link->encoder;
    const uint8_t byte = link->outgoing[encoder->at];
    encoder->at++;
    encoder->block_left--;
    if (encoder->block_left == 0u) {
        end_block(link);
    }
    return byte;
}

bool hv_link_take(hv_link_t *link, uint8_t *byte)
{
    switch (link->encoder.phase) {
    case PHASE_OPENING:
        *byte = DELIMITER;
        link->encoder.phase = PHASE_CODE;
        return true;
    case PHASE_CODE:
        *byte = take_code(link);
        return true;
    case PHASE_BYTES:
        *byte = take_from_block(link);
        return true;
    case PHASE_CLOSING:
        *byte = DELIMITER;
        link->encoder.phase = PHASE_IDLE;
        return true;
    default:
        return false;
    }
}
