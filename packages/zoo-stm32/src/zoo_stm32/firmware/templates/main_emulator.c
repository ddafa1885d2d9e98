/* Firmware that a debugger or emulator drives: bkpt 1 when inputs may be written, bkpt 2 when outputs may be read. */
#include "zoo_model.h"

#define ZOO_BUFFER __attribute__((aligned(32), section(".bss.zoo_io"), used))

@BUFFERS@

int main(void)
{
    const void *const inputs[ZOO_INPUT_COUNT] = {@INPUTS@};
    void *const outputs[ZOO_OUTPUT_COUNT] = {@OUTPUTS@};
    if (zoo_model_init() != ZOO_OK) {
        __asm volatile("bkpt 255");
    }
    for (;;) {
        __asm volatile("bkpt 1" ::: "memory");
        if (zoo_model_run(inputs, outputs) != ZOO_OK) {
            __asm volatile("bkpt 255");
        }
        __asm volatile("bkpt 2" ::: "memory");
    }
}
