/* fuzz_link.c: any bytes into the link's parser, and every answer back through another one.
 *
 * clang -fsanitize=fuzzer,address,undefined -Ifirmware/runtime tests/fuzz/fuzz_link.c firmware/runtime/hv_link.c
 *     firmware/runtime/hv_crc.c */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static hv_link_t device;
static hv_link_t reader; /* of what the device sends */

/* Every frame that is sent must be whole: an answer is ignored, but never refused. */
static void check_answer(void)
{
    uint8_t byte = 0u;
    uint32_t taken = 0u;
    while (hv_link_take(&device, &byte)) {
        taken++;
        if ((taken > (HV_LINK_PACKET_BYTES + 8u)) || hv_link_feed(&reader, byte)) {
            abort();
        }
    }
    if (reader.refused != 0u) {
        abort();
    }
}

/* Answers with as many bytes as the request has, its own. */
static void serve(void)
{
    const uint32_t most = HV_LINK_DATA_BYTES;
    const uint32_t size_bytes = (device.request.size_bytes < most) ? device.request.size_bytes : most;
    if (device.request.size_bytes > HV_LINK_PAYLOAD_BYTES) {
        abort();
    }
    (void)memcpy(hv_link_data(&device), device.request.payload, size_bytes);
    hv_link_answer(&device, HV_LINK_DONE, device.request.kind, size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    hv_link_begin(&device);
    hv_link_begin(&reader);
    for (size_t i = 0u; i < size_bytes; i++) {
        if (hv_link_feed(&device, bytes[i])) {
            serve();
        }
        check_answer();
    }
    return 0;
}
