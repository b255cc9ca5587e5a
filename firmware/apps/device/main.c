/* device: the application of a board: whatever comes over the link is answered, for ever.
 *
 * Nothing waits but the sleep between two bytes, and that only when there is nothing to send. */
#include <stdbool.h>
#include <stdint.h>

#include "hv_board.h"
#include "hv_device.h"
#include "hv_link.h"
#include "hv_sleep.h"
#include "hv_uart.h"

static hv_link_t host;
static uint8_t outgoing;
static bool has_outgoing; /* a byte is still to be sent */

/* Sends as much as there is room for now. */
static void send_waiting(void)
{
    if (!has_outgoing) {
        has_outgoing = hv_link_take(&host, &outgoing);
    }
    while (has_outgoing && hv_uart_put(outgoing)) {
        has_outgoing = hv_link_take(&host, &outgoing);
    }
}

int main(void)
{
    hv_board_begin();
    hv_uart_begin();
    hv_sleep_begin();
    hv_link_begin(&host);
    hv_device_begin();
    for (;;) {
        uint8_t incoming = 0u;
        hv_board_kick();
        hv_sleep_look_again();
        const bool has_incoming = hv_uart_get(&incoming);
        if (has_incoming && hv_link_feed(&host, incoming)) {
            hv_device_serve(&host);
        }
        send_waiting();
        if (!has_incoming && !has_outgoing && hv_board_may_sleep()) {
            hv_sleep();
        }
    }
}
