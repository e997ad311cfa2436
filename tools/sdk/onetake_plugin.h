#pragma once

/* What a native plugin of onetake exports: a C ABI, version 1. Plain C99, no dependencies.
 *
 * A plugin is a shared library with one exported function, onetake_plugin_create. onetake loads it
 * once, asks it to describe itself, calls it, and destroys it when onetake stops. README.md is the
 * guide; onetake_plugin.hpp does most of this for C++.
 *
 * Rules
 *   - Every struct begins with its size. Whoever reads a struct reads no further than struct_size;
 *     what lies behind it has the value zero. So either side may be the older one.
 *   - A text is `size` bytes of UTF-8 at `data`, which need not end with a zero byte; size 0 is
 * empty, whatever `data` is.
 *   - Buffers: what onetake hands in is onetake's, and valid until the function returns. What a
 * plugin hands out is the plugin's: of a result until free_result, of a description until destroy.
 *     onetake copies it before that.
 *   - Threads: create, describe and destroy are called one at a time, before and after all others.
 *     invoke, probe and free_result are called from several threads at once.
 *   - No exception may leave a function. One that does counts as "may have happened".
 *   - One invoke is one attempt. Never retry inside it: onetake decides that, and has to know of
 * every send. When in doubt say ONETAKE_MAY_HAVE_HAPPENED: ONETAKE_NO_EFFECT and ONETAKE_REJECTED
 * are promises.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONETAKE_PLUGIN_ABI 1u

typedef struct onetake_text {
  const char* data;
  size_t size;
} onetake_text;

/* One attempt of one call, or the question about one. */
typedef struct onetake_call {
  size_t struct_size;
  onetake_text tool;
  onetake_text arguments_json; /* an object, at most 64 KiB */
  onetake_text key;            /* the intent key, [A-Za-z0-9_:-]{1,64}; empty for a READ */
  int32_t attempt;             /* of this generation, from 1 */
  int64_t timeout_ms;          /* from now; what comes later is not heard */
  void* host;                  /* for the functions below, which any thread may call until the
                                  function that was given this call returns */
  /* Not 0: nobody waits any more. A READ may stop; a write should go on to its end. */
  int (*is_cancelled)(void* host);
  int64_t (*time_left_ms)(void* host); /* 0 when it is over */
  /* A short line about what is happening, at most 512 bytes, and how far it is, of `total`; 0, 0:
   * not said. It prolongs nothing. */
  void (*progress)(void* host, onetake_text text, double progress, double total);
} onetake_call;

enum { /* onetake_result.outcome; anything else is ONETAKE_MAY_HAVE_HAPPENED */
       ONETAKE_MAY_HAVE_HAPPENED = 0, /* nobody can tell */
       ONETAKE_SUCCEEDED = 1,         /* it took effect, or the READ succeeded */
       ONETAKE_REJECTED = 2,          /* refused for good; surely no effect */
       ONETAKE_NO_EFFECT = 3 /* could not be done now; surely no effect; may be sent again */
};

typedef struct onetake_result { /* zeroed, but for struct_size, before invoke */
  size_t struct_size;
  int32_t outcome;
  onetake_text result_json; /* of SUCCEEDED and REJECTED: JSON, at most 1 MiB; may be empty */
  int64_t retry_after_ms;   /* of NO_EFFECT; 0: no advice */
  onetake_text error;       /* short, for the ledger; no argument values */
  void* owner;              /* the plugin's own, for free_result */
} onetake_result;

enum { /* onetake_result.outcome of a probe; anything else is ONETAKE_PROBE_INCONCLUSIVE */
       ONETAKE_PROBE_INCONCLUSIVE = 0,
       ONETAKE_PROBE_APPLIED = 1,    /* it took effect; result_json is its result, or empty */
       ONETAKE_PROBE_NOT_APPLIED = 2 /* it did not, and what is on its way can no longer do so */
};

typedef struct onetake_plugin { /* zeroed, but for struct_size, before create */
  size_t struct_size;
  uint32_t abi; /* ONETAKE_PLUGIN_ABI of the header that the plugin was built with */
  void* self;   /* handed back to every function below */

  /* What the plugin offers, as JSON:
   *   {"name": "notes", "version": "1", "tools": [{
   *      "name": "add_note",            ^[a-zA-Z][a-zA-Z0-9_-]{0,63}$
   *      "description": "...",
   *      "parameters": {...},           JSON Schema, draft 7, of type object
   *      "effect": "WRITE",             or "READ"; a hint: only a manifest makes a READ
   *      "key_retention_ms": 86400000,  how long the same key is done once; 0: it is not
   *      "can_probe": true}]}
   */
  onetake_text (*describe)(void* self);

  /* One attempt. Must fill `result`. */
  void (*invoke)(void* self, const onetake_call* call, onetake_result* result);

  /* Whether an earlier invoke of this key took effect; changes nothing. NULL: cannot tell. */
  void (*probe)(void* self, const onetake_call* call, onetake_result* result);

  /* onetake has copied what it needs. NULL: nothing is to be freed. */
  void (*free_result)(void* self, onetake_result* result);

  /* No call is running. NULL: nothing is to be done. */
  void (*destroy)(void* self);
} onetake_plugin;

/* Fills `plugin`; `settings_json` is `settings` of onetake.yaml, an object. Returns 0, or something
 * else after having written why, zero-terminated, into the `error_size` bytes at `error`. `abi` is
 * onetake's version: return an error when it is not ONETAKE_PLUGIN_ABI. */
#define ONETAKE_PLUGIN_ENTRY "onetake_plugin_create"
typedef int (*onetake_plugin_create_fn)(uint32_t abi, onetake_text settings_json,
                                        onetake_plugin* plugin, char* error, size_t error_size);

#if defined(__GNUC__)
#define ONETAKE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define ONETAKE_PLUGIN_EXPORT
#endif
ONETAKE_PLUGIN_EXPORT int onetake_plugin_create(uint32_t abi, onetake_text settings_json,
                                                onetake_plugin* plugin, char* error,
                                                size_t error_size);

#ifdef __cplusplus
} /* extern "C" */
#endif
