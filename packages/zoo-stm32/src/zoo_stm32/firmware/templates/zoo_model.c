/* Neural network: tensor descriptions, working memory and the checked entry points. */
#include "zoo_model.h"
#include "network.h"

/* Where the working memory lies; define ZOO_ARENA_ATTRIBUTE to place it elsewhere, aligned to 32 bytes. */
#ifndef ZOO_ARENA_ATTRIBUTE
#if defined(__GNUC__) && defined(__ELF__)
#define ZOO_ARENA_ATTRIBUTE __attribute__((aligned(32), section(".bss.zoo_arena")))
#elif defined(__GNUC__)
#define ZOO_ARENA_ATTRIBUTE __attribute__((aligned(32)))
#else
#define ZOO_ARENA_ATTRIBUTE
#endif
#endif

ZOO_ARENA_ATTRIBUTE union {
    int64_t alignment;
    uint8_t bytes[ZOO_ARENA_BYTES];
} zoo_arena;

const zoo_tensor zoo_inputs[ZOO_INPUT_COUNT] = {
@INPUTS@
};

const zoo_tensor zoo_outputs[ZOO_OUTPUT_COUNT] = {
@OUTPUTS@
};
@CLASSES@
static int zoo_ready = 0;

static int zoo_check(const void *buffer, zoo_type type)
{
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 4, 1};
    if (buffer == NULL) {
        return ZOO_NULL_POINTER;
    }
    if ((uintptr_t)buffer % sizes[type] != 0) {
        return ZOO_MISALIGNED;
    }
    return ZOO_OK;
}

int zoo_model_init(void)
{
    zoo_ready = 1;
    return ZOO_OK;
}

int zoo_model_run(const void *const inputs[], void *const outputs[])
{
    int status = ZOO_OK;
    size_t i;
    if (!zoo_ready) {
        return ZOO_NOT_INITIALISED;
    }
    if (inputs == NULL || outputs == NULL) {
        return ZOO_NULL_POINTER;
    }
    for (i = 0; i < ZOO_INPUT_COUNT && status == ZOO_OK; ++i) {
        status = zoo_check(inputs[i], zoo_inputs[i].type);
    }
    for (i = 0; i < ZOO_OUTPUT_COUNT && status == ZOO_OK; ++i) {
        status = zoo_check(outputs[i], zoo_outputs[i].type);
    }
    if (status == ZOO_OK) {
        zoo_network_run(inputs, outputs, zoo_arena.bytes);
    }
    return status;
}
