"""Own the small firmware that the tests of the emulator run: two layers, and one way to fail for each fault."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from zoo_stm32.artifacts import FirmwareImage, IoTensor, Placement, Sizes
from zoo_stm32.boards import Board, Memory

SOURCE = r"""
#include <stdint.h>
extern uint32_t _sdata, _edata, _sidata, _sbss, _ebss, _estack;
void Reset_Handler(void);
__attribute__((section(".isr_vector"), used)) const void *const vectors[2] = {&_estack, (const void *)Reset_Handler};

__attribute__((aligned(8))) int8_t zoo_input_0[48];
__attribute__((aligned(8))) int8_t zoo_output_0[4];
__attribute__((aligned(8))) int32_t zoo_output_1[4];
__attribute__((aligned(8))) int8_t zoo_arena[64];
volatile int32_t started = 77;             /* lives in .data: wrong when Reset_Handler does not copy it */
const volatile uint32_t constant = 5;      /* lives in flash */

int32_t depth;                             /* bytes below _estack that `descend` reached, by the stack pointer */
__attribute__((noinline)) int descend(int steps)   /* one frame per step, written completely */
{
    uint32_t frame[10], pointer;
    for (int i = 0; i < 10; i++)
        frame[i] = (uint32_t)(steps + i);
    __asm volatile("mov %0, sp" : "=r"(pointer) : "r"(frame) : "memory");
    int reached = (int32_t)((uint32_t)(uintptr_t)&_estack - pointer);
    depth = reached > depth ? reached : depth;
    return steps > 0 ? descend(steps - 1) + (int)frame[9] : 0;
}

__attribute__((noinline)) void layer_scale(const int8_t *in, int8_t *arena)
{
    for (int i = 0; i < 48; i++) {
        int value = in[i] * 2 - 3;
        arena[i] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
    }
    /* longer than a translated block may be, over several pages, of both instruction lengths */
#if __ARM_ARCH >= 7
#define LONG "mov.w r8, r8"
#else
#define LONG "nop"
#endif
    __asm volatile(".rept 900\n nop\n " LONG "\n nop\n .endr" ::: "r8");
}

__attribute__((noinline)) void layer_sum(const int8_t *arena, int8_t *out, int32_t *sums)
{
    for (int i = 0; i < 4; i++) {
        int64_t sum = 0;
        for (int j = 0; j < 12; j++)
            sum += arena[12 * i + j];
        sums[i] = (int32_t)(sum * 1000003 / (arena[i] + 200));   /* calls the division of the compiler's library */
        out[i] = (int8_t)(sum / 12);
    }
}

__attribute__((noinline)) void misbehave(int how, int amount)
{
    volatile uint32_t *end = (volatile uint32_t *)(RAM_END + 16);
    switch (how) {
    case 1: (void)*end; break;
    case 2: *end = 1; break;
    case 3: *(volatile uint32_t *)&constant = 6; break;
    case 4: __asm volatile(".short 0xde00"); break;
    case 5: for (;;) __asm volatile(""); break;
    case 6: descend(100000); break;
    case 7: ((void (*)(void))0x60000021)(); break;
    case 8: ((void (*)(void))((uintptr_t)zoo_arena & ~1u))(); break;
    case 9: __asm volatile("bkpt 255"); break;
    case 10: __asm volatile("bkpt 0xab"); break;
    case 11: __asm volatile("svc 3"); break;
    case 12: __asm volatile("wfi"); break;
    case 13: (void)*(volatile uint32_t *)0x20; break;
    case 14: *(volatile uint32_t *)0x40021000 = 1; break;
    case 15: descend(amount); break;
    case 16: ((void (*)(void))((uintptr_t)zoo_arena | 1u))(); break;
    case 17: __asm volatile(".short 0xee30, 0x0a20"); break;   /* vadd.f32 s0, s0, s1 */
    case 18: __asm volatile(".short 0xee30, 0x0b01"); break;   /* vadd.f64 d0, d0, d1 */
    case 19: __asm volatile(".short 0xea4f, 0x0808"); break;   /* mov.w r8, r8 */
    case 20: __asm volatile(".short 0xe840, 0xf000" ::: "r0"); break;   /* tt r0, r0 */
    default: break;
    }
}

__attribute__((noinline)) void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena)
{
    const int8_t *in = inputs[0];
    depth = 0;
    if (in[0] == 127)
        misbehave(in[1], in[2]);
    layer_scale(in, arena);
    layer_sum(arena, outputs[0], outputs[1]);
    zoo_output_1[3] += started + depth;
}

int main(void)
{
    static const void *const inputs[] = {zoo_input_0};
    static void *const outputs[] = {zoo_output_0, zoo_output_1};
    for (;;) {
        __asm volatile("bkpt 1" ::: "memory");
        zoo_network_run(inputs, outputs, zoo_arena);
        __asm volatile("bkpt 2" ::: "memory");
    }
}

void Reset_Handler(void)
{
#ifdef HAS_FPU
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
#endif
    volatile uint32_t *to = &_sdata;
    for (const uint32_t *from = &_sidata; to < &_edata;) *to++ = *from++;
    for (to = &_sbss; to < &_ebss;) *to++ = 0;
    main();
}
"""
SEMIHOSTING = r"""
static int call(int number, const void *block)
{
    register int r0 __asm("r0") = number;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
static void transfer(const char *name, uint32_t length, void *data, uint32_t size, int writing)
{
    const uint32_t open[3] = {(uint32_t)(uintptr_t)name, writing ? 5 : 1, length};
    const uint32_t handle = (uint32_t)call(1, open);
    const uint32_t move[3] = {handle, (uint32_t)(uintptr_t)data, size};
    if (handle == 0xffffffffu || call(writing ? 5 : 6, move) != 0) {
        const uint32_t failed[2] = {0x20026, 3};
        call(0x20, failed);
    }
    call(2, &handle);
}
int semihosted(void)
{
    static const void *const inputs[] = {zoo_input_0};
    static void *const outputs[] = {zoo_output_0, zoo_output_1};
    const uint32_t left[2] = {0x20026, 0};
    transfer("zoo_input_0.bin", 15, zoo_input_0, sizeof zoo_input_0, 0);
    zoo_network_run(inputs, outputs, zoo_arena);
    transfer("zoo_output_0.bin", 16, zoo_output_0, sizeof zoo_output_0, 1);
    transfer("zoo_output_1.bin", 16, zoo_output_1, sizeof zoo_output_1, 1);
    call(0x20, left);
    for (;;) {}
}
"""
LINKER = """
MEMORY {{ FLASH (rx) : ORIGIN = {flash.origin:#x}, LENGTH = {flash.size}
          RAM (rwx) : ORIGIN = {ram.origin:#x}, LENGTH = {ram.size} }}
ENTRY(Reset_Handler)
_sstack = ORIGIN(RAM) + {below};
_estack = _sstack + 0x1000;
SECTIONS
{{
  .isr_vector : {{ KEEP(*(.isr_vector)) }} > FLASH
  .text : {{ *(.text*) }} > FLASH
  .rodata : {{ *(.rodata*) }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx*) }} > FLASH
  .data _estack : {{ _sdata = .; *(.data*) . = ALIGN(4); _edata = .; }} > RAM AT > FLASH
  _sidata = LOADADDR(.data);
  .bss (NOLOAD) : {{ _sbss = .; *(.bss*) *(COMMON) . = ALIGN(4); _ebss = .; }} > RAM
}}
"""
FLASH = Memory(name="flash", kind="flash", origin=0x0800_0000, size=64 << 10)
RAM = Memory(name="AXI SRAM", kind="ram", origin=0x2400_0000, size=64 << 10)
BOARD = Board(name="TEST-BOARD", series="TEST", core="cortex-m7", clock_hz=1, fpu="none", memories=(FLASH, RAM))
INPUT = IoTensor(name="image", type="int8", shape=(1, 3, 4, 4), scale=0.5, zero_point=-3)
OUTPUTS = (
    IoTensor(name="means", type="int8", shape=(1, 4), scale=0.25, zero_point=2),
    IoTensor(name="sums", type="int32", shape=(1, 4), scale=2.0),
)
WITH_FPU = ("cortex-m4", "cortex-m7", "cortex-m33")
Build = Callable[..., FirmwareImage]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that compiles the firmware for a board, each board once, with RAM `below` its stack."""
    made: dict[tuple[str, bool, int], FirmwareImage] = {}

    def make(
        core: str = "cortex-m7", *, board: Board = BOARD, semihosting: bool = False, below: int = 0x400
    ) -> FirmwareImage:
        chosen = board if board is not BOARD else replace(BOARD, core=core)
        key = (chosen.name + chosen.core, semihosting, below)
        if key not in made:
            made[key] = _compile(chosen, tmp_path_factory.mktemp(chosen.slug), semihosting=semihosting, below=below)
        return made[key]

    return make


def _compile(board: Board, folder: Path, *, semihosting: bool, below: int) -> FirmwareImage:
    flash, ram = (next(memory for memory in board.memories if memory.kind == kind) for kind in ("flash", "ram"))
    source, script, elf = folder / "main.c", folder / "link.ld", folder / "firmware.elf"
    source.write_text(SOURCE.replace("    main();", "    semihosted();") if semihosting else SOURCE)
    if semihosting:
        text = source.read_text()
        source.write_text(text.replace("void Reset_Handler(void)\n{", f"{SEMIHOSTING}\nvoid Reset_Handler(void)\n{{"))
    script.write_text(LINKER.format(flash=flash, ram=ram, below=below))
    compiled_for = {"cortex-m55": "cortex-m33", "cortex-m0+": "cortex-m0plus"}.get(board.core, board.core)
    fpu = compiled_for in WITH_FPU
    subprocess.run(
        [
            sys.executable, "-m", "ziglang", "cc",
            "-target", f"thumb-freestanding-{'eabihf' if fpu else 'eabi'}",
            f"-mcpu={compiled_for.replace('-', '_')}", "-O1", "-fno-unwind-tables", "-fno-exceptions",
            f"-DRAM_END={ram.origin + ram.size:#x}u", *(["-DHAS_FPU"] if fpu else []),
            "-T", str(script), str(source), "-o", str(elf),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    placement = Placement(code=flash, weights=flash, data=ram, arena=ram)
    return FirmwareImage(
        elf=elf,
        map=elf.with_suffix(".map"),
        board=board,
        placement=placement,
        sizes=Sizes(code=0, weights=0, data=0, arena=64, io=68, stack=0x1000),
        inputs=(INPUT,),
        outputs=OUTPUTS,
        functions=("layer_scale", "layer_sum"),
        compiler="zig",
    )
