/* hv_uart_stm32f4.c: USART1 of the STM32F405 and F407 on PA9 (out) and PA10 (in), at the clock after reset.
 * Source: ST RM0090, sections 7.3 (RCC), 8.4 (GPIO) and 30.6 (USART). */
#include "hv_uart.h"

typedef struct {
    uint32_t status;
    uint32_t data;
    uint32_t baud_rate;
    uint32_t control_1;
} hv_uart_registers_t;

#define STATUS_RECEIVED (1u << 5)
#define STATUS_CAN_TRANSMIT (1u << 7)
#define CONTROL_ENABLE (1u << 13)
#define CONTROL_TRANSMIT (1u << 3)
#define CONTROL_RECEIVE (1u << 2)
#define CONTROL_RECEIVE_INTERRUPT (1u << 5)

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_AHB1_ENABLE REGISTER(0x40023830u)
#define RCC_APB2_ENABLE REGISTER(0x40023844u)
#define AHB1_GPIOA (1u << 0)
#define APB2_USART1 (1u << 4)
#define GPIOA_MODE REGISTER(0x40020000u)
#define GPIOA_FUNCTION_HIGH REGISTER(0x40020024u)
#define MODE_MASK ((3u << 18) | (3u << 20))     /* pins 9 and 10 */
#define MODE_ALTERNATE ((2u << 18) | (2u << 20))
#define FUNCTION_MASK ((15u << 4) | (15u << 8))
#define FUNCTION_USART1 ((7u << 4) | (7u << 8))

static volatile hv_uart_registers_t *const uart = (volatile hv_uart_registers_t *)HV_UART_BASE;

void hv_uart_begin(void)
{
    RCC_AHB1_ENABLE |= AHB1_GPIOA;
    RCC_APB2_ENABLE |= APB2_USART1;
    GPIOA_FUNCTION_HIGH = (GPIOA_FUNCTION_HIGH & ~FUNCTION_MASK) | FUNCTION_USART1;
    GPIOA_MODE = (GPIOA_MODE & ~MODE_MASK) | MODE_ALTERNATE;
    uart->baud_rate = HV_UART_CLOCK_HZ / HV_UART_BAUD; /* in sixteenths of 16 samples a bit: just that */
    uart->control_1 = CONTROL_ENABLE | CONTROL_TRANSMIT | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT;
}

bool hv_uart_get(uint8_t *byte)
{
    if ((uart->status & STATUS_RECEIVED) == 0u) {
        return false;
    }
    *byte = (uint8_t)(uart->data & 0xFFu);
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if ((uart->status & STATUS_CAN_TRANSMIT) == 0u) {
        return false;
    }
    uart->data = byte;
    return true;
}
