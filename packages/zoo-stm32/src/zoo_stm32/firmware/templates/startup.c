/* Start of a Cortex-M: vector table, floating point, initial values of variables, main. GNU C. */
#include <stdint.h>

#define ZOO_HAS_FPU @HAS_FPU@
#define ZOO_HAS_VECTOR_OFFSET @HAS_VECTOR_OFFSET@

extern uint32_t _sidata, _sdata, _edata, _sbss, _ebss, _estack;

int main(void);
void Reset_Handler(void);
void Default_Handler(void);

/* Enables clocks and external memories before anything is stored there; replace it with your own. */
__attribute__((weak)) void SystemInit(void)
{
}

/* Any fault or unexpected interrupt: stop for the debugger with all registers as they are. */
__attribute__((naked, used)) void Default_Handler(void)
{
    __asm volatile("bkpt 255\n\tb .");
}

#define ZOO_HANDLER(name) __attribute__((weak, alias("Default_Handler"))) void name(void)

ZOO_HANDLER(NMI_Handler);
ZOO_HANDLER(HardFault_Handler);
ZOO_HANDLER(MemManage_Handler);
ZOO_HANDLER(BusFault_Handler);
ZOO_HANDLER(UsageFault_Handler);
ZOO_HANDLER(SVC_Handler);
ZOO_HANDLER(DebugMon_Handler);
ZOO_HANDLER(PendSV_Handler);
ZOO_HANDLER(SysTick_Handler);

typedef union {
    void *stack;
    void (*handler)(void);
} zoo_vector;

__attribute__((section(".isr_vector"), used)) const zoo_vector zoo_vectors[16] = {
    {.stack = &_estack},
    {.handler = Reset_Handler},
    {.handler = NMI_Handler},
    {.handler = HardFault_Handler},
    {.handler = MemManage_Handler},
    {.handler = BusFault_Handler},
    {.handler = UsageFault_Handler},
    {.handler = 0},
    {.handler = 0},
    {.handler = 0},
    {.handler = 0},
    {.handler = SVC_Handler},
    {.handler = DebugMon_Handler},
    {.handler = 0},
    {.handler = PendSV_Handler},
    {.handler = SysTick_Handler},
};

__attribute__((used, noreturn)) void Reset_Handler(void)
{
    volatile uint32_t *from = &_sidata;
    volatile uint32_t *to;
#if ZOO_HAS_VECTOR_OFFSET
    *(volatile uint32_t *)0xE000ED08u = (uint32_t)(uintptr_t)zoo_vectors;
#endif
#if ZOO_HAS_FPU
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
    SystemInit();
    for (to = &_sdata; to < &_edata; ++to) {
        *to = *from++;
    }
    for (to = &_sbss; to < &_ebss; ++to) {
        *to = 0;
    }
    (void)main();
    for (;;) {
    }
}
