/* hv_sleep.h: sleeping until the serial port has something, without a single interrupt handler: the port's interrupt
 * is enabled in the interrupt controller and masked in the core, which it wakes all the same.
 *
 * HV_UART_IRQ is its number; a board without one stays awake and polls.
 * Sources: Armv7-M Architecture Reference Manual, B1.5.18 "WFI" and B3.4 "NVIC"; RISC-V PLIC Specification 1.0;
 * RISC-V Privileged Specification, 3.3.3 "Wait for Interrupt". */
#ifndef HV_SLEEP_H
#define HV_SLEEP_H

#include <stdint.h>

#define HV_SLEEP_WORD(address) (*(volatile uint32_t *)(address))

#if !defined(HV_UART_IRQ)

static inline void hv_sleep_begin(void)
{
}

static inline void hv_sleep_look_again(void)
{
}

static inline void hv_sleep(void)
{
}

#elif defined(__riscv)

#if !defined(HV_PLIC_BASE)
#define HV_PLIC_BASE 0x0C000000u /* where most have it */
#endif
#define HV_SLEEP_CLAIM HV_SLEEP_WORD(HV_PLIC_BASE + 0x200004u)

/* Once: the port may wake the core. */
static inline void hv_sleep_begin(void)
{
    HV_SLEEP_WORD(HV_PLIC_BASE + (4u * HV_UART_IRQ)) = 1u; /* priority */
    HV_SLEEP_WORD(HV_PLIC_BASE + 0x2000u + (4u * (HV_UART_IRQ / 32u))) = 1u << (HV_UART_IRQ % 32u);
    HV_SLEEP_WORD(HV_PLIC_BASE + 0x200000u) = 0u; /* threshold */
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t"
                     "csrci mstatus, 8\n\t" /* MIE: no handler is ever entered */
                     "li t0, 0x800\n\t"     /* MEIE: external interrupts wake */
                     "csrs mie, t0\n\t"
                     ".option pop" ::
                         : "t0", "memory");
}

/* Before the port is looked at: what comes from here on wakes. */
static inline void hv_sleep_look_again(void)
{
    const uint32_t claimed = HV_SLEEP_CLAIM;
    if (claimed != 0u) {
        HV_SLEEP_CLAIM = claimed;
    }
}

/* After the port was looked at and had nothing. */
static inline void hv_sleep(void)
{
    __asm__ volatile("wfi" ::
                         : "memory");
}

#else

#define HV_SLEEP_NVIC(offset) HV_SLEEP_WORD(0xE000E000u + (offset) + (4u * (HV_UART_IRQ / 32u)))
#define HV_SLEEP_BIT (1u << (HV_UART_IRQ % 32u))

/* Once: the port may wake the core. */
static inline void hv_sleep_begin(void)
{
    __asm__ volatile("cpsid i" ::
                         : "memory"); /* no handler is ever entered */
    HV_SLEEP_NVIC(0x100u) = HV_SLEEP_BIT; /* ISER */
}

/* Before the port is looked at: what comes from here on wakes. */
static inline void hv_sleep_look_again(void)
{
    HV_SLEEP_NVIC(0x280u) = HV_SLEEP_BIT; /* ICPR: stays pending if the line is still high */
}

/* After the port was looked at and had nothing. */
static inline void hv_sleep(void)
{
    __asm__ volatile("dsb\n\twfi" ::
                         : "memory");
}

#endif

#endif
