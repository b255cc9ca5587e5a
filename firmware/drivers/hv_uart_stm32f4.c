/* hv_uart_stm32f4.c: USART1, 2 or 3 of the STM32F405 and F407, at the clock after reset, on the board's pins:
 * HV_UART_TX_PIN and HV_UART_RX_PIN, numbered as in hv_stm32_gpio.h.
 * Source: ST RM0090, sections 7.3 (RCC), 8.4 (GPIO) and 30.6 (USART); DS8626, "Alternate function mapping". */
#include "hv_uart.h"

#include "hv_stm32_gpio.h"
#include "hv_stm32_usart_sr.h"

#define RCC_AHB1_ENABLE HV_REGISTER(0x40023830u) /* a bit for each port */
#define GPIO_BASE 0x40020000u
#define FUNCTION_USART 7u /* of USART1 to 3 alike */

#if HV_UART_BASE == 0x40011000u /* USART1 */
#define RCC_ENABLE HV_REGISTER(0x40023844u) /* APB2 */
#define RCC_USART (1u << 4)
#elif HV_UART_BASE == 0x40004400u /* USART2 */
#define RCC_ENABLE HV_REGISTER(0x40023840u) /* APB1 */
#define RCC_USART (1u << 17)
#elif HV_UART_BASE == 0x40004800u /* USART3 */
#define RCC_ENABLE HV_REGISTER(0x40023840u) /* APB1 */
#define RCC_USART (1u << 18)
#else
#error "this driver knows USART1, 2 and 3"
#endif

void hv_uart_begin(void)
{
    RCC_AHB1_ENABLE |= (1u << HV_STM32_PORT(HV_UART_TX_PIN)) | (1u << HV_STM32_PORT(HV_UART_RX_PIN));
    RCC_ENABLE |= RCC_USART;
    (void)RCC_ENABLE; /* the clock comes two cycles later: ES0182, "Delay after an RCC peripheral clock enabling" */
    hv_stm32_give_pin(GPIO_BASE, HV_UART_TX_PIN, FUNCTION_USART);
    hv_stm32_give_pin(GPIO_BASE, HV_UART_RX_PIN, FUNCTION_USART);
    hv_usart_begin();
}

bool hv_uart_get(uint8_t *byte)
{
    return hv_usart_get(byte);
}

bool hv_uart_put(uint8_t byte)
{
    return hv_usart_put(byte);
}
