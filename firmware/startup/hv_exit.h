/* hv_exit.h: what an application's exit code means. host_tools/exits.py is its twin; a test compares the two. */
#ifndef HV_EXIT_H
#define HV_EXIT_H

typedef enum {
    HV_EXIT_DONE = 0,
    HV_EXIT_INPUT_MISSING = 10, /* the input file cannot be opened */
    HV_EXIT_INPUT_SIZE = 11, /* the input file is not a whole number of records */
    HV_EXIT_INPUT_READ = 12, /* the input file ends early */
    HV_EXIT_OUTPUT_WRITE = 13, /* the output file cannot be opened or written */
    HV_EXIT_KERNEL_REFUSED = 20, /* the kernel answered anything but HV_OK */
    HV_EXIT_RUN_DIFFERS = 21, /* a whole run and the layers one by one gave different results */
    HV_EXIT_UNKNOWN_OPERATION = 22, /* the input file asks for an operation nobody knows */
    HV_EXIT_FAULT = 70, /* Cortex-M: plus the exception's number, 73 is a HardFault */
    HV_EXIT_TRAP = 90 /* RISC-V: plus the trap's cause, 97 is a store without access */
} hv_exit_t;

#endif
