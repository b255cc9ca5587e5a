/* hv_storage_forgives.h: of boards on which reading flash raises an exception where power was lost while it was written:
 * HV_STORAGE_EXCEPTION is its number. The driver clears the cause, and the program goes on with whatever was read. */
#ifndef HV_STORAGE_FORGIVES_H
#define HV_STORAGE_FORGIVES_H

#include <stdbool.h>

/* Called by the exception's handler. False: it came for another reason. */
bool hv_storage_forgives(void);

#endif
