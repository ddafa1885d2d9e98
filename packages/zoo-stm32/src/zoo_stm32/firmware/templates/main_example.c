/* Example: run the network on the golden input and compare with the golden output. */
#include "golden.h"

#ifdef ZOO_PRINT
#include <stdio.h>
#endif

/* Elements of the outputs that differ from the golden ones, or -1 before the run has ended: for a debugger. */
volatile int32_t zoo_golden_differences = -1;

int main(void)
{
    const int32_t differences = zoo_golden_run();
    zoo_golden_differences = differences;
#ifdef ZOO_PRINT
    (void)printf("golden test: %ld output elements differ\n", (long)differences);
#endif
    return differences == 0 ? 0 : 1;
}
