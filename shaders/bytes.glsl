/* bytes.glsl -- dot products of four signed bytes. DOT, defined before: 1 where the
 * device multiplies so (SPV_KHR_integer_dot_product, which the shader then needs). */
#if DOT
#extension GL_EXT_spirv_intrinsics : require

/* OpSDot of operands that are PackedVectorFormat4x8Bit, 0. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int packed_dot(uint a, uint b, spirv_literal int format);

int dot_of_bytes(uint a, uint b) { return packed_dot(a, b, 0); }
#else
int dot_of_bytes(uint a, uint b)
{
    const ivec4 left = ivec4(uvec4(a << 24, a << 16, a << 8, a)) >> 24;
    const ivec4 right = ivec4(uvec4(b << 24, b << 16, b << 8, b)) >> 24;

    return left.x * right.x + left.y * right.y + left.z * right.z + left.w * right.w;
}
#endif
