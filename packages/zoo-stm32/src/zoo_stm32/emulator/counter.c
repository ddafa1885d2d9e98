/* Counts executed instructions of a Cortex-M in unicorn, as a hook of basic blocks.
   Kept in step with the structure in native_hook.py. */
#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef int (*read_register)(void *engine, int number, void *value);
typedef int (*read_memory)(void *engine, uint64_t address, void *content, uint64_t size);

typedef struct {
    read_register get_register;
    read_memory get_memory;
    uint64_t base;          /* first address of the two tables */
    uint64_t size;          /* bytes of code that they cover */
    uint32_t *blocks;       /* per halfword: bytes << 16 | instructions of the block that starts there; 0: not known */
    const uint16_t *owners; /* per halfword: 1 + slot that is counted from here on; 0: the one before goes on */
    uint64_t *totals;       /* per slot; slot 0 is the network's own code */
    uint64_t entry;         /* first address of the network */
    uint64_t exit;          /* where the network returns to; known while it is active */
    uint32_t slot;
    int32_t link_register;  /* number of the register that holds the return address */
    uint32_t active;
    uint32_t runs;          /* returns of the network */
} zoo_counter;

/* A halfword whose top five bits are 0b11101, 0b11110 or 0b11111 starts an instruction of 32 bits. */
static uint32_t count_instructions(zoo_counter *counter, void *engine, uint64_t address, uint32_t size)
{
    uint32_t instructions = 0;
    uint32_t offset = 0;
    while (offset < size) {
        uint8_t bytes[2] = {0, 0};
        counter->get_memory(engine, address + offset, bytes, 2);
        offset += (bytes[1] >> 3) >= 0x1d ? 4 : 2;
        instructions++;
    }
    return instructions;
}

/* A block that is left in its middle, which only a fault does, is counted as a whole. */
EXPORT void zoo_count_block(void *engine, uint64_t address, uint32_t size, void *data)
{
    zoo_counter *counter = data;
    if (!counter->active) {
        uint32_t link = 0;
        if (address != counter->entry)
            return;
        counter->get_register(engine, counter->link_register, &link);
        counter->exit = link & ~(uint32_t)1;
        counter->active = 1;
    } else if (address == counter->exit) {
        counter->active = 0;
        counter->runs++;
        return;
    }
    uint64_t offset = address - counter->base;
    if (offset >= counter->size || size > 0xffff) {
        counter->totals[counter->slot] += count_instructions(counter, engine, address, size);
        return;
    }
    uint64_t index = offset / 2;
    if (counter->owners[index])
        counter->slot = counter->owners[index] - 1u;
    uint32_t known = counter->blocks[index];
    if (known >> 16 != size) {
        known = size << 16 | count_instructions(counter, engine, address, size);
        counter->blocks[index] = known;
    }
    counter->totals[counter->slot] += known & 0xffff;
}
