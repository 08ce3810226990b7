/* cuda_embed.S - one fatbin as bytes of this library: fl_fatbin_<NAME>, read from FILE. */
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
        .section .rodata
        .balign 64
        .hidden CAT(fl_fatbin_, NAME)
        .global CAT(fl_fatbin_, NAME)
CAT(fl_fatbin_, NAME):
        .incbin FILE
        .byte 0
        .section .note.GNU-stack, "", @progbits
