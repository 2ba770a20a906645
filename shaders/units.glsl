/* units -- what shaders of matrix units share. After float.glsl; ELEMENT is bf16
 * where BFLOAT is defined, else f16. */

/* Two elements, rounded. */
uint encoded(vec2 v)
{
#ifdef BFLOAT
    return bf16_encode(v.x) | bf16_encode(v.y) << 16;
#else
    return f16_encode(v.x) | f16_encode(v.y) << 16;
#endif
}

uvec2 halves_of(vec4 v)
{
    return uvec2(encoded(v.xy), encoded(v.zw));
}
