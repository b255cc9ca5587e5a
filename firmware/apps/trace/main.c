/* trace: runs the generated kernel layer by layer and writes down every tensor it produces.
 *
 * Reads images.bin (whole images, one after another), writes trace.bin (hv_trace.h). Each image is then run
 * a second time in one call, from within the arena if it has room: the traced code must be the shipped code,
 * so both must give the same result. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "hv_collect.h"
#include "hv_crc.h"
#include "hv_exit.h"
#include "hv_model.h"
#include "hv_semihosting.h"
#include "hv_stack.h"
#include "hv_trace.h"

_Static_assert(sizeof(HV_MODEL_ABI) == HV_TRACE_ABI_CHARACTERS + 1u, "the ABI hash has 64 characters");

static _Alignas(HV_MODEL_ARENA_ALIGNMENT) __attribute__((section(".arena"))) uint8_t arena[HV_MODEL_ARENA_BYTES];
static _Alignas(HV_MODEL_IMAGE_ALIGNMENT) uint8_t image[HV_MODEL_IMAGE_BYTES];

#if HV_MODEL_STREAMED > 0u
static uint8_t tensors[HV_MODEL_TRACE_BYTES]; /* rows come in the order in which they are computed */
#endif

/* What the layers one by one left, and what the whole run, and that of pushed rows, answers. */
static hv_model_result_t layer_by_layer;
static hv_model_result_t whole;
#if defined(HV_MODEL_ROWS)
static hv_model_result_t pushed;
#endif

/* The file being written, and what its trailer will say. */
typedef struct {
    hv_file_t file;
    uint32_t records;
    uint32_t crc32;
} writer_t;

static bool write_bytes(writer_t *writer, const void *bytes, uint32_t size_bytes)
{
    writer->crc32 = hv_crc32(writer->crc32, bytes, size_bytes);
    return hv_file_write(writer->file, bytes, size_bytes);
}

static bool write_header(writer_t *writer, uint32_t images)
{
    hv_trace_header_t header = {
        .magic = HV_TRACE_MAGIC,
        .version = HV_TRACE_VERSION,
        .images = images,
        .layers = HV_MODEL_LAYERS,
        .image_bytes = HV_MODEL_IMAGE_BYTES,
    };
    (void)memcpy(header.abi, HV_MODEL_ABI, HV_TRACE_ABI_CHARACTERS);
    return write_bytes(writer, &header, (uint32_t)sizeof(header));
}

static bool write_tensor(writer_t *writer, uint32_t image_number, uint32_t layer, const uint8_t bytes[])
{
    const hv_trace_record_t record = {image_number, layer, hv_model_sizes[layer]};
    writer->records++;
    return write_bytes(writer, &record, (uint32_t)sizeof(record)) &&
           write_bytes(writer, bytes, hv_model_sizes[layer]);
}

static bool write_trailer(writer_t *writer)
{
    hv_trace_trailer_t trailer = {
        .magic = HV_TRACE_END,
        .records = writer->records,
        .stack_used_bytes = hv_stack_used_bytes(),
    };
    const uint32_t size_before_crc = (uint32_t)(sizeof(trailer) - sizeof(trailer.crc32));
    trailer.crc32 = hv_crc32(writer->crc32, (const uint8_t *)&trailer, size_before_crc);
    return hv_file_write(writer->file, &trailer, (uint32_t)sizeof(trailer));
}

/* Runs the layers one by one, and writes each one's tensor before another may overwrite it. */
static hv_exit_t trace_layers(writer_t *writer, uint32_t image_number)
{
#if HV_MODEL_STREAMED > 0u
    if (hv_collect(HV_MODEL_PERSON, image, arena, tensors) != HV_OK) {
        return HV_EXIT_KERNEL_REFUSED;
    }
#endif
    for (uint32_t layer = 0u; layer < HV_MODEL_LAYERS; layer++) {
#if HV_MODEL_STREAMED > 0u
        const uint8_t *const bytes = &tensors[hv_collected_at(layer)];
#else
        const uint8_t *const bytes = &arena[hv_model_tensors[layer].offset_bytes];
        if (hv_model_layer(layer, HV_MODEL_PERSON, image, arena) != HV_OK) {
            return HV_EXIT_KERNEL_REFUSED;
        }
#endif
        if (!write_tensor(writer, image_number, layer, bytes)) {
            return HV_EXIT_OUTPUT_WRITE;
        }
    }
    return HV_EXIT_DONE;
}

/* Must follow trace_layers: the outputs in the arena are the answer to compare with. */
static hv_exit_t check_whole_run(void)
{
    for (uint32_t i = 0u; i < HV_MODEL_OUTPUTS; i++) {
        const hv_tensor_t tensor = hv_model_tensors[hv_model_outputs[i].layer];
        uint8_t *const place = &((uint8_t *)&layer_by_layer)[hv_model_outputs[i].offset_bytes];
        (void)memcpy(place, &arena[tensor.offset_bytes], tensor.size_bytes);
    }
    const uint8_t *given = image;
#if defined(hv_model_image)
    given = memcpy(hv_model_image(arena), image, HV_MODEL_IMAGE_BYTES);
#endif
    if (hv_model_run(HV_MODEL_PERSON, given, arena, &whole) != HV_OK) {
        return HV_EXIT_KERNEL_REFUSED;
    }
    if (memcmp(&whole, &layer_by_layer, sizeof(whole)) != 0) {
        return HV_EXIT_RUN_DIFFERS;
    }
    return HV_EXIT_DONE;
}

/* The rows of the image, one after the other, must give the same. */
static hv_exit_t check_pushed_rows(void)
{
#if defined(HV_MODEL_ROWS)
    hv_status_t status = hv_model_begin(arena);
    for (uint32_t y = 0u; (y < HV_MODEL_ROWS) && ((status == HV_OK) || (status == HV_MORE)); y++) {
        status = hv_model_push_row(HV_MODEL_PERSON, &image[y * HV_MODEL_ROW_BYTES], arena, &pushed);
    }
    if (status != HV_OK) {
        return HV_EXIT_KERNEL_REFUSED;
    }
    if (memcmp(&pushed, &layer_by_layer, sizeof(pushed)) != 0) {
        return HV_EXIT_RUN_DIFFERS;
    }
#endif
    return HV_EXIT_DONE;
}

static hv_exit_t trace_images(hv_file_t input, writer_t *writer, uint32_t images)
{
    for (uint32_t image_number = 0u; image_number < images; image_number++) {
        if (!hv_file_read(input, image, HV_MODEL_IMAGE_BYTES)) {
            return HV_EXIT_INPUT_READ;
        }
        hv_exit_t outcome = trace_layers(writer, image_number);
        if (outcome == HV_EXIT_DONE) {
            outcome = check_whole_run();
        }
        if (outcome == HV_EXIT_DONE) {
            outcome = check_pushed_rows();
        }
        if (outcome != HV_EXIT_DONE) {
            return outcome;
        }
    }
    return HV_EXIT_DONE;
}

static hv_exit_t write_trace(hv_file_t input, hv_file_t output, uint32_t images)
{
    writer_t writer = {.file = output, .records = 0u, .crc32 = 0u};
    if (!write_header(&writer, images)) {
        return HV_EXIT_OUTPUT_WRITE;
    }
    const hv_exit_t outcome = trace_images(input, &writer, images);
    if (outcome != HV_EXIT_DONE) {
        return outcome;
    }
    return write_trailer(&writer) ? HV_EXIT_DONE : HV_EXIT_OUTPUT_WRITE;
}

int main(void)
{
    const hv_file_t input = hv_file_open_to_read("images.bin");
    if (input < 0) {
        return (int)HV_EXIT_INPUT_MISSING;
    }
    const int32_t input_bytes = hv_file_length_bytes(input);
    if ((input_bytes <= 0) || (((uint32_t)input_bytes % HV_MODEL_IMAGE_BYTES) != 0u)) {
        return (int)HV_EXIT_INPUT_SIZE;
    }
    const hv_file_t output = hv_file_open_to_write("trace.bin");
    if (output < 0) {
        return (int)HV_EXIT_OUTPUT_WRITE;
    }
    const hv_exit_t outcome = write_trace(input, output, (uint32_t)input_bytes / HV_MODEL_IMAGE_BYTES);
    hv_file_close(input);
    hv_file_close(output);
    return (int)outcome;
}
