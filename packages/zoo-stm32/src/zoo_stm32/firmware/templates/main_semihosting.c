/* Firmware that reads inputs from and writes outputs to files of the host by Arm semihosting (Arm IHI 0096).
 * It writes the high-water mark of the stack, in bytes, to zoo_stack.bin. */
#include "zoo_model.h"

#define ZOO_BUFFER __attribute__((aligned(32), section(".bss.zoo_io"), used))

#define SYS_OPEN 0x01
#define SYS_CLOSE 0x02
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_EXIT 0x18
#define OPEN_READ_BINARY 1
#define OPEN_WRITE_BINARY 5
#define STOPPED_APPLICATION_EXIT 0x20026
#define STOPPED_RUN_TIME_ERROR 0x20023

#define PAINT 0xA5A5A5A5u
#define UNPAINTED_BYTES 256

@BUFFERS@

extern uint32_t _sstack, _estack;

static uint32_t stack_bytes;

static int32_t host_call(int32_t operation, const void *block)
{
    register int32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(int succeeded)
{
    const uintptr_t reason = succeeded ? STOPPED_APPLICATION_EXIT : STOPPED_RUN_TIME_ERROR;
    for (;;) {
        (void)host_call(SYS_EXIT, (const void *)reason);
    }
}

/* Moves a whole file; SYS_READ and SYS_WRITE return the bytes that they did not move. */
static void move_file(const char *name, size_t length, void *data, size_t bytes, int32_t mode, int32_t operation)
{
    const uintptr_t opening[3] = {(uintptr_t)name, (uintptr_t)mode, length};
    const int32_t handle = host_call(SYS_OPEN, opening);
    const uintptr_t moving[3] = {(uintptr_t)handle, (uintptr_t)data, bytes};
    const uintptr_t closing[1] = {(uintptr_t)handle};
    if (handle == -1 || host_call(operation, moving) != 0) {
        leave(0);
    }
    (void)host_call(SYS_CLOSE, closing);
}

static void read_file(const char *name, size_t length, void *data, size_t bytes)
{
    move_file(name, length, data, bytes, OPEN_READ_BINARY, SYS_READ);
}

static void write_file(const char *name, size_t length, void *data, size_t bytes)
{
    move_file(name, length, data, bytes, OPEN_WRITE_BINARY, SYS_WRITE);
}

/* Fills the stack below the frame of the caller, so that what was used later can be seen. */
static void paint_stack(void)
{
    uint32_t here = 0;
    volatile uint32_t *word = &_sstack;
    for (; (uintptr_t)word + UNPAINTED_BYTES < (uintptr_t)&here; ++word) {
        *word = PAINT;
    }
}

static uint32_t used_stack(void)
{
    const volatile uint32_t *word = &_sstack;
    while ((uintptr_t)word < (uintptr_t)&_estack && *word == PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)&_estack - (uintptr_t)word);
}

int main(void)
{
    const void *const inputs[ZOO_INPUT_COUNT] = {@INPUTS@};
    void *const outputs[ZOO_OUTPUT_COUNT] = {@OUTPUTS@};
    paint_stack();
@READS@
    if (zoo_model_init() != ZOO_OK || zoo_model_run(inputs, outputs) != ZOO_OK) {
        leave(0);
    }
@WRITES@
    stack_bytes = used_stack();
    write_file("zoo_stack.bin", 13, &stack_bytes, sizeof stack_bytes);
    leave(1);
    return 0;
}
