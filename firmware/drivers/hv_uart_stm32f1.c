/* hv_uart_stm32f1.c: USART1 of the STM32F100 on PA9 (out) and PA10 (in), at the clock after reset.
 * Source: ST RM0041, "RCC registers" (APB2ENR), "GPIO registers" (CRH, BSRR), "USART registers"; table "Port bit
 * configuration". The pins are USART1's without remapping, so AFIO stays as it is. */
#include "hv_uart.h"

#include "hv_stm32_usart_sr.h"

#define RCC_APB2_ENABLE HV_REGISTER(0x40021018u)
#define APB2_AFIO (1u << 0)
#define APB2_GPIOA (1u << 2)
#define APB2_USART1 (1u << 14)

#define GPIOA_CONFIGURE_HIGH HV_REGISTER(0x40010804u) /* four bits for each of pins 8 to 15 */
#define GPIOA_SET HV_REGISTER(0x40010810u)
#define PINS_MASK ((15u << 4) | (15u << 8)) /* pins 9 and 10 */
#define PIN_9_SENDS (10u << 4)              /* alternate function, push-pull, 2 MHz */
#define PIN_10_RECEIVES (8u << 8)           /* input, pulled to what its output bit says */

_Static_assert(HV_UART_BASE == 0x40013800u, "this driver knows USART1");

void hv_uart_begin(void)
{
    RCC_APB2_ENABLE |= APB2_AFIO | APB2_GPIOA | APB2_USART1;
    (void)RCC_APB2_ENABLE; /* the clocks come a little later */
    GPIOA_SET = 1u << 10;  /* a line that nobody drives rests high */
    GPIOA_CONFIGURE_HIGH = (GPIOA_CONFIGURE_HIGH & ~PINS_MASK) | PIN_9_SENDS | PIN_10_RECEIVES;
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
