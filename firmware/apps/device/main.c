/* device: the application of a board: whatever comes over the link is answered, for ever.
 *
 * Nothing waits: a byte that cannot be sent yet is kept, and one that has not come is not waited for. */
#include <stdbool.h>
#include <stdint.h>

#include "hv_board.h"
#include "hv_device.h"
#include "hv_link.h"
#include "hv_uart.h"

static hv_link_t host;

int main(void)
{
    uint8_t outgoing = 0u;
    bool has_outgoing = false;
    hv_board_begin();
    hv_uart_begin();
    hv_link_begin(&host);
    hv_device_begin();
    for (;;) {
        uint8_t incoming = 0u;
        hv_board_kick();
        if (hv_uart_get(&incoming) && hv_link_feed(&host, incoming)) {
            hv_device_serve(&host);
        }
        if (!has_outgoing) {
            has_outgoing = hv_link_take(&host, &outgoing);
        }
        if (has_outgoing && hv_uart_put(outgoing)) {
            has_outgoing = false;
        }
    }
}
