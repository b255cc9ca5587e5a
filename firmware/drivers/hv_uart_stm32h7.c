/* hv_uart_stm32h7.c: USART3 of the STM32H7, at the clock after reset, on the board's pins: HV_UART_TX_PIN and
 * HV_UART_RX_PIN, numbered as in hv_stm32_gpio.h.
 * Source: ST RM0433, "RCC registers" (AHB4ENR, APB1LENR; D2CCIP2R stays at its reset value, APB1's clock), "GPIO
 * registers", "USART registers"; DS12110, "Port D alternate functions". */
#include "hv_uart.h"

#include "hv_stm32_gpio.h"
#include "hv_stm32_usart_isr.h"

#define RCC_AHB4_ENABLE HV_REGISTER(0x580244E0u) /* a bit for each port */
#define RCC_APB1_LOW_ENABLE HV_REGISTER(0x580244E8u)
#define APB1_USART3 (1u << 18)
#define GPIO_BASE 0x58020000u
#define FUNCTION_USART3 7u

#define DIVISOR ((HV_UART_CLOCK_HZ + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert((DIVISOR >= 16u) && (DIVISOR <= 0xFFFFu), "what the register takes, sampling 16 times");
_Static_assert(HV_UART_BASE == 0x40004800u, "this driver knows USART3");

void hv_uart_begin(void)
{
    RCC_AHB4_ENABLE |= (1u << HV_STM32_PORT(HV_UART_TX_PIN)) | (1u << HV_STM32_PORT(HV_UART_RX_PIN));
    RCC_APB1_LOW_ENABLE |= APB1_USART3;
    (void)RCC_APB1_LOW_ENABLE; /* the clock comes two cycles later */
    hv_stm32_give_pin(GPIO_BASE, HV_UART_TX_PIN, FUNCTION_USART3);
    hv_stm32_give_pin(GPIO_BASE, HV_UART_RX_PIN, FUNCTION_USART3);
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
