/* Neural network: how to run it and what its inputs and outputs look like. C99; usable from C++. */
#ifndef ZOO_MODEL_H
#define ZOO_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZOO_INPUT_COUNT @INPUT_COUNT@
#define ZOO_OUTPUT_COUNT @OUTPUT_COUNT@
@SIZE_MACROS@

/* Bytes of working memory, which zoo_model.c reserves as zoo_arena. */
#define ZOO_ARENA_BYTES @ARENA_BYTES@

/* Most axes that a tensor has. */
#define ZOO_MAX_RANK @MAX_RANK@

typedef enum {
    ZOO_INT8,
    ZOO_UINT8,
    ZOO_INT16,
    ZOO_UINT16,
    ZOO_INT32,
    ZOO_UINT32,
    ZOO_INT64,
    ZOO_FLOAT32,
    ZOO_BOOL
} zoo_type;

/* A stored value q stands for the real number (q - zero_point) * scale. */
typedef struct {
    const char *name;
    zoo_type type;
    int32_t rank;
    int32_t dims[ZOO_MAX_RANK];
    float scale;
    int32_t zero_point;
    size_t bytes;
} zoo_tensor;

extern const zoo_tensor zoo_inputs[ZOO_INPUT_COUNT];
extern const zoo_tensor zoo_outputs[ZOO_OUTPUT_COUNT];
@CLASSES@
typedef enum {
    ZOO_OK = 0,
    ZOO_NOT_INITIALISED = 1,
    ZOO_NULL_POINTER = 2,
    ZOO_MISALIGNED = 3
} zoo_status;

/* Prepare the network; call it once before the first run. Returns ZOO_OK. */
int zoo_model_init(void);

/* Run the network on ZOO_INPUT_COUNT inputs and write ZOO_OUTPUT_COUNT outputs.
 * Each buffer has the bytes that zoo_inputs and zoo_outputs state and is aligned to its element type.
 * Not reentrant: there is one arena. Returns ZOO_OK or another zoo_status. */
int zoo_model_run(const void *const inputs[], void *const outputs[]);

#ifdef __cplusplus
}
#endif

#endif
