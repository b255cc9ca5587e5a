/* direct_boot.c: the first bytes of flash, by which the ESP32-C3's ROM knows a program to run in place, and what is due
 * before the program: the watchdogs that guard the boot still run, and would end it within seconds.
 *
 * The ROM maps 4 MiB of flash to 0x4200_0000 and 0x3C00_0000, and jumps behind the two words.
 * Source: Espressif's esp32c3-direct-boot-example, README.md; ESP32-C3 Technical Reference Manual, "Watchdog Timers"
 * (flash boot protection, write protection, super watchdog), "Low-power Management", "Timer Group". */
void hv_direct_boot(void);

/* Registers only: there is no stack yet, and no variable. Nothing is waited for. */
__attribute__((naked, section(".boot"), used)) void hv_direct_boot(void)
{
    __asm__ volatile(".balign 4\n\t"
                     ".word 0xAEDB041D\n\t"
                     ".word 0xAEDB041D\n\t"
                     "li t0, 0x60008000\n\t" /* RTC_CNTL */
                     "li t1, 0x50D83AA1\n\t" /* lets both watchdog timers be written */
                     "sw t1, 0xA8(t0)\n\t"   /* RTC_CNTL_WDTWPROTECT */
                     "sw zero, 0x90(t0)\n\t" /* RTC_CNTL_WDTCONFIG0: off, the guard of the boot too */
                     "sw zero, 0xA8(t0)\n\t"
                     "li t2, 0x8F1D312A\n\t" /* lets the super watchdog be written */
                     "sw t2, 0xB0(t0)\n\t"   /* RTC_CNTL_SWD_WPROTECT */
                     "lw t3, 0xAC(t0)\n\t"   /* RTC_CNTL_SWD_CONF */
                     "li t4, 0x80000000\n\t" /* SWD_AUTO_FEED_EN: feeds itself, as ESP-IDF has it */
                     "or t3, t3, t4\n\t"
                     "sw t3, 0xAC(t0)\n\t"
                     "sw zero, 0xB0(t0)\n\t"
                     "li t0, 0x6001F000\n\t" /* timer group 0 */
                     "sw t1, 0x64(t0)\n\t"   /* TIMG_WDTWPROTECT */
                     "li t3, 0x00400000\n\t" /* WDT_CONF_UPDATE_EN, and off like the other */
                     "sw t3, 0x48(t0)\n\t"   /* TIMG_WDTCONFIG0 */
                     "sw zero, 0x64(t0)\n\t"
                     "j hv_entry");
}
