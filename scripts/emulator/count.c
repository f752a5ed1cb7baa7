/* A plugin for QEMU's user mode that counts the instructions of an emulated aarch64 program, in all and by class.
 *
 * Counting goes from the guest's prctl(MARK, 0) to its prctl(MARK, 1), which prints one line on stderr. QEMU counts
 * what it translates, so that the figures do not depend on how busy the machine is. Threads would race: run one.
 * The declarations are those of qemu-plugin.h, version 1, which Debian does not package.
 * Encodings: Arm Architecture Reference Manual, A64, "Data Processing - Scalar FP and Advanced SIMD". */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define API __attribute__((visibility("default")))
#define SYSCALL_PRCTL 167
#define MARK 0x45444745 /* "EDGE" */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*block_callback)(plugin_id, struct qemu_plugin_tb *);
typedef void (*syscall_callback)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, block_callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *target, uint64_t add);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, syscall_callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
API int qemu_plugin_version = 1;

enum { INSTRUCTIONS, DOT, MATRIX, INTEGER_MLA, FLOAT_MLA, LOAD_STORE, BRANCH, CLASSES };
static const char *const names[CLASSES] = {"instructions", "dot",        "matrix", "integer_mla",
                                           "float_mla",    "load_store", "branch"};
static uint64_t counts[CLASSES];

static int is(uint32_t word, uint32_t mask, uint32_t value) { return (word & mask) == value; }

static int vector_class(uint32_t w) {
    if (is(w, 0x9fe0fc00, 0x0e809400) || is(w, 0x9fc0f400, 0x0f80e000)) return DOT; /* SDOT, UDOT: vector, element */
    if (is(w, 0x9fe0f400, 0x0e80a400)) return MATRIX;                               /* SMMLA, UMMLA, USMMLA */
    if (is(w, 0x9f20fc00, 0x0e208000) || is(w, 0x9f00f400, 0x0f002000) ||           /* SMLAL, UMLAL */
        is(w, 0x9f20fc00, 0x0e20c000) || is(w, 0x9f3ffc00, 0x0e206800) ||           /* SMULL, UMULL; SADALP, UADALP */
        is(w, 0xbf20fc00, 0x0e209400))                                              /* MLA */
        return INTEGER_MLA;
    if (is(w, 0xbfa0fc00, 0x0e20cc00) || is(w, 0xbf80f400, 0x0f801000)) return FLOAT_MLA; /* FMLA: vector, element */
    return INSTRUCTIONS;
}

static int class_of(uint32_t word) {
    uint32_t group = (word >> 25) & 0xf;
    if ((group & 5) == 4) return LOAD_STORE;
    if ((group & 0xe) == 0xa) return BRANCH;
    return (group & 7) == 7 ? vector_class(word) : INSTRUCTIONS;
}

static void translated(plugin_id id, struct qemu_plugin_tb *block) {
    uint64_t here[CLASSES] = {0};
    size_t size = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < size; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        int class = class_of(word);
        if (class != INSTRUCTIONS) here[class]++;
    }
    here[INSTRUCTIONS] = size;
    for (int class = 0; class < CLASSES; class++)
        if (here[class]) qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &counts[class], here[class]);
    (void)id;
}

static void entered(plugin_id id, unsigned cpu, int64_t number, uint64_t option, uint64_t stop, uint64_t a, uint64_t b,
                    uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    if (number != SYSCALL_PRCTL || option != MARK) return;
    if (stop) {
        fputs("counted", stderr);
        for (int class = 0; class < CLASSES; class++)
            fprintf(stderr, " %s=%llu", names[class], (unsigned long long)counts[class]);
        fputc('\n', stderr);
    }
    memset(counts, 0, sizeof counts);
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
}

API int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, entered);
    (void)info, (void)count, (void)arguments;
    return 0;
}
