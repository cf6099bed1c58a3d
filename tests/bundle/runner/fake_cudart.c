/* A stand-in for CUDA's runtime library: "memory of the GPU" is ordinary memory.

   Its functions have the parameters of NVIDIA's CUDA Runtime API, so that ctypes has to pass them
   in the right sizes. Copies are done when the stream is synchronised, as late as possible. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct { void *to; const void *from; size_t size; } Copy;
static Copy pending[64];
static int count;
static int stream;

static int fails(const char *name) {
    const char *failing = getenv("FAKE_CUDA_FAILS");
    return failing && !strcmp(failing, name) ? 2 : 0;
}

int cudaStreamCreate(void **handle) { *handle = &stream; return fails("cudaStreamCreate"); }
int cudaMalloc(void **address, size_t size) {
    *address = malloc(size);
    return fails("cudaMalloc");
}
int cudaFree(void *address) { free(address); return 0; }

int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *handle) {
    if (handle != &stream) return 400;
    if (kind == 1) { memcpy(to, from, size); return 0; }
    if (kind != 2) return 21;
    pending[count++] = (Copy){to, from, size};
    return 0;
}
int cudaStreamSynchronize(void *handle) {
    if (handle != &stream) return 400;
    for (int i = 0; i < count; i++) memcpy(pending[i].to, pending[i].from, pending[i].size);
    count = 0;
    return 0;
}
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    if (device) return 101;
    *value = attribute == 75 ? 5 : attribute == 76 ? 3 : -1;
    return 0;
}
const char *cudaGetErrorString(int status) { return status == 2 ? "out of memory" : "other"; }
