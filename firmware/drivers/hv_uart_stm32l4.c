/* hv_uart_stm32l4.c: LPUART1 of the STM32L4+, at the clock after reset, on the board's pins: HV_UART_TX_PIN and
 * HV_UART_RX_PIN, numbered as in hv_stm32_gpio.h. Pins of port G have a supply of their own, which is off at first.
 * Source: ST RM0432, "Reset and clock control" (AHB2ENR, APB1ENR1, APB1ENR2), "Power control" (CR2), "LPUART baud rate
 * generation", "LPUART registers"; DS12023, "Alternate function". */
#include "hv_uart.h"

#include "hv_stm32_gpio.h"
#include "hv_stm32_usart_isr.h"

#define RCC_AHB2_ENABLE HV_REGISTER(0x4002104Cu) /* a bit for each port */
#define RCC_APB1_ENABLE_1 HV_REGISTER(0x40021058u)
#define APB1_POWER (1u << 28)
#define RCC_APB1_ENABLE_2 HV_REGISTER(0x4002105Cu)
#define APB1_LPUART1 (1u << 0)
#define POWER_CONTROL_2 HV_REGISTER(0x40007004u)
#define POWER_VDDIO2_IS_VALID (1u << 9) /* IOSV */
#define GPIO_BASE 0x48000000u
#define FUNCTION_LPUART1 8u

/* The register takes the clock divided by the baud rate in 256ths. */
#define DIVISOR (((256u * HV_UART_CLOCK_HZ) + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert(HV_UART_CLOCK_HZ <= 16000000u, "256 times the clock has 32 bits");
_Static_assert((DIVISOR >= 0x300u) && (DIVISOR <= 0xFFFFFu), "what the register takes");
_Static_assert(HV_UART_BASE == 0x40008000u, "this driver knows LPUART1");

void hv_uart_begin(void)
{
    RCC_AHB2_ENABLE |= (1u << HV_STM32_PORT(HV_UART_TX_PIN)) | (1u << HV_STM32_PORT(HV_UART_RX_PIN));
    RCC_APB1_ENABLE_1 |= APB1_POWER;
    RCC_APB1_ENABLE_2 |= APB1_LPUART1;
    (void)RCC_APB1_ENABLE_2; /* the clocks come two cycles later */
    POWER_CONTROL_2 |= POWER_VDDIO2_IS_VALID;
    hv_stm32_give_pin(GPIO_BASE, HV_UART_TX_PIN, FUNCTION_LPUART1);
    hv_stm32_give_pin(GPIO_BASE, HV_UART_RX_PIN, FUNCTION_LPUART1);
    hv_usart_begin(DIVISOR);
}

bool hv_uart_get(uint8_t *byte)
{
    return hv_usart_get(byte);
}

bool hv_uart_put(uint8_t byte)
{
    return hv_usart_put(byte);
}
