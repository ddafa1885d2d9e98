/* Rounding and math functions of C99 that the compiler's own library lacks, for default rounding and without errno.
 * The float versions compute in double and round once. */
#include <math.h>
#include <stdint.h>
#include <string.h>

static const double ln2 = 0.69314718055994530942;
static const double half_pi = 1.57079632679489661923;
static const double two_over_sqrt_pi = 1.12837916709551257390;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double copysign(double x, double sign)
{
    const uint64_t mask = UINT64_C(1) << 63;
    return double_of((bits_of(x) & ~mask) | (bits_of(sign) & mask));
}

float copysignf(float x, float sign)
{
    const uint32_t mask = UINT32_C(1) << 31;
    return float_of((bits_of_float(x) & ~mask) | (bits_of_float(sign) & mask));
}

/* Half to even: adding and taking away the number whose last place is 1 rounds in the default mode. */
static double to_even(double x)
{
    const double whole = 4503599627370496.0;
    if (!(fabs(x) < whole)) {
        return x;
    }
    return copysign((fabs(x) + whole) - whole, x);
}

static float to_even_float(float x)
{
    const float whole = 8388608.0f;
    if (!(fabsf(x) < whole)) {
        return x;
    }
    return copysignf((fabsf(x) + whole) - whole, x);
}

/* Conversions to 32 bits are one instruction or a short call; those to 64 bits are long. */
static long long to_integer(double whole)
{
    if (fabs(whole) < 2147483648.0) {
        return (int32_t)whole;
    }
    return (long long)whole;
}

double rint(double x) { return to_even(x); }
double nearbyint(double x) { return to_even(x); }
float rintf(float x) { return to_even_float(x); }
float nearbyintf(float x) { return to_even_float(x); }
long long llrint(double x) { return to_integer(to_even(x)); }
long long llrintf(float x) { return to_integer(to_even_float(x)); }
long lrint(double x) { return (long)to_even(x); }
long lrintf(float x) { return (long)to_even_float(x); }
long long llround(double x) { return to_integer(round(x)); }
long long llroundf(float x) { return to_integer(roundf(x)); }
long lround(double x) { return (long)round(x); }
long lroundf(float x) { return (long)roundf(x); }

double scalbn(double x, int n)
{
    const double up = double_of(UINT64_C(0x7FE) << 52);
    const double down = double_of(UINT64_C(0x036) << 52);
    for (; n > 1023; n -= 1023) {
        x *= up;
        if (x == 0.0 || x - x != 0.0) {
            return x;
        }
    }
    /* Steps down leave 53 bits above the smallest normal number, so that only the last step rounds. */
    for (; n < -1022; n += 969) {
        x *= down;
        if (x == 0.0 || x - x != 0.0) {
            return x;
        }
    }
    return x * double_of((uint64_t)(n + 1023) << 52);
}

double ldexp(double x, int n) { return scalbn(x, n); }
float scalbnf(float x, int n) { return (float)scalbn(x, n); }
float ldexpf(float x, int n) { return (float)scalbn(x, n); }

double frexp(double x, int *exponent)
{
    int shift = 0;
    uint64_t bits;
    *exponent = 0;
    if (x == 0.0 || x - x != 0.0) {
        return x;
    }
    if (fabs(x) < 2.2250738585072014e-308) {
        x *= 18014398509481984.0;
        shift = 54;
    }
    bits = bits_of(x);
    *exponent = (int)((bits >> 52) & 0x7FF) - 1022 - shift;
    return double_of((bits & ~(UINT64_C(0x7FF) << 52)) | (UINT64_C(1022) << 52));
}

float frexpf(float x, int *exponent) { return (float)frexp(x, exponent); }

double modf(double x, double *whole)
{
    *whole = trunc(x);
    return copysign(x - *whole == x - *whole ? x - *whole : 0.0, x);
}

float modff(float x, float *whole)
{
    *whole = truncf(x);
    return copysignf(x - *whole == x - *whole ? x - *whole : 0.0f, x);
}

/* exp(x) - 1 and log(1 + x) by the corrections of W. Kahan, accurate to a few units in the last place. */
double expm1(double x)
{
    const double e = exp(x);
    if (e == 1.0) {
        return x;
    }
    if (e - 1.0 == -1.0 || e - e != 0.0) {
        return e - 1.0;
    }
    return (e - 1.0) * x / log(e);
}

double log1p(double x)
{
    const double sum = 1.0 + x;
    if (sum == 1.0 || sum - sum != 0.0) {
        return sum == 1.0 ? x : log(sum);
    }
    return log(sum) * x / (sum - 1.0);
}

double sinh(double x)
{
    const double size = fabs(x);
    const double e = size < 700.0 ? expm1(size) : 0.0;
    double half;
    if (size >= 700.0) {
        half = exp(size - ln2);
    } else {
        half = 0.5 * (e + e / (e + 1.0));
    }
    return copysign(x == x ? half : x, x);
}

double cosh(double x)
{
    const double e = exp(fabs(x) - ln2);
    return e + 0.25 / e;
}

double tanh(double x)
{
    const double size = fabs(x);
    const double e = size < 20.0 ? expm1(2.0 * size) : 0.0;
    if (x != x) {
        return x;
    }
    return copysign(size < 20.0 ? e / (e + 2.0) : 1.0, x);
}

double asinh(double x)
{
    const double size = fabs(x);
    const double square = size * size;
    if (size > 1e8) {
        return copysign(log(size) + ln2, x);
    }
    return copysign(log1p(size + square / (1.0 + sqrt(square + 1.0))), x);
}

double acosh(double x)
{
    const double above = x - 1.0;
    return x > 1e8 ? log(x) + ln2 : log1p(above + sqrt(above * (above + 2.0)));
}

double atanh(double x)
{
    const double size = fabs(x);
    return copysign(0.5 * log1p(2.0 * size / (1.0 - size)), x);
}

/* Angle halved until it is small, then the Taylor series. */
double atan(double x)
{
    double t = fabs(x);
    const int inverse = t > 1.0;
    double square, sum = 0.0;
    int n;
    if (x != x) {
        return x;
    }
    t = inverse ? 1.0 / t : t;
    t = t / (1.0 + sqrt(1.0 + t * t));
    t = t / (1.0 + sqrt(1.0 + t * t));
    t = t / (1.0 + sqrt(1.0 + t * t));
    square = t * t;
    for (n = 21; n > 0; n -= 2) {
        sum = 1.0 / n - square * sum;
    }
    sum = 8.0 * t * sum;
    return copysign(inverse ? half_pi - sum : sum, x);
}

double atan2(double y, double x)
{
    double angle;
    if (x != x || y != y) {
        return x + y;
    }
    if (fabs(x) - fabs(x) != 0.0 && fabs(y) - fabs(y) != 0.0) {
        angle = half_pi / 2.0;
    } else if (x == 0.0 && y == 0.0) {
        angle = 0.0;
    } else {
        angle = x == 0.0 ? half_pi : atan(fabs(y / x));
    }
    if (bits_of(x) >> 63) {
        angle = 2.0 * half_pi - angle;
    }
    return copysign(angle, y);
}

double asin(double x)
{
    return atan2(x, sqrt((1.0 - x) * (1.0 + x)));
}

double acos(double x)
{
    return atan2(sqrt((1.0 - x) * (1.0 + x)), x);
}

/* erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!: all terms have one sign (Abramowitz and Stegun 7.1.6). */
double erf(double x)
{
    const double size = fabs(x);
    double term = size, sum = size;
    int n;
    if (x != x) {
        return x;
    }
    if (size > 6.0) {
        return copysign(1.0, x);
    }
    for (n = 3; term > sum * 1e-17; n += 2) {
        term *= 2.0 * size * size / n;
        sum += term;
    }
    return copysign(two_over_sqrt_pi * exp(-size * size) * sum, x);
}

static int is_odd(double y)
{
    return fabs(y) < 9007199254740992.0 && fmod(y, 2.0) != 0.0;
}

double pow(double x, double y)
{
    double size;
    if (y == 0.0 || x == 1.0) {
        return 1.0;
    }
    if (x != x || y != y) {
        return x + y;
    }
    if (x == -1.0 && y - y != 0.0) {
        return 1.0;
    }
    if (x < 0.0 && x - x == 0.0 && y != trunc(y)) {
        return (x - x) / (x - x);
    }
    if (fabs(y) <= 16.0 && y == trunc(y)) {
        const int count = (int)fabs(y);
        int i;
        size = 1.0;
        for (i = 0; i < count; ++i) {
            size *= x;
        }
        return y < 0.0 ? 1.0 / size : size;
    }
    size = x == 0.0 ? (y > 0.0 ? 0.0 : HUGE_VAL) : exp(y * log(fabs(x)));
    return bits_of(x) >> 63 && is_odd(y) ? -size : size;
}

double hypot(double x, double y)
{
    const double most = fabs(x) > fabs(y) ? fabs(x) : fabs(y);
    const double least = fabs(x) > fabs(y) ? fabs(y) : fabs(x);
    if (x - x != 0.0 && x == x) {
        return fabs(x);
    }
    if (most == 0.0 || most - most != 0.0) {
        return most;
    }
    return most * sqrt(1.0 + (least / most) * (least / most));
}

double cbrt(double x)
{
    double root;
    if (x == 0.0 || x - x != 0.0) {
        return x;
    }
    root = exp(log(fabs(x)) / 3.0);
    root -= (root * root * root - fabs(x)) / (3.0 * root * root);
    return copysign(root, x);
}

float expm1f(float x) { return (float)expm1(x); }
float log1pf(float x) { return (float)log1p(x); }
float sinhf(float x) { return (float)sinh(x); }
float coshf(float x) { return (float)cosh(x); }
float tanhf(float x) { return (float)tanh(x); }
float asinhf(float x) { return (float)asinh(x); }
float acoshf(float x) { return (float)acosh(x); }
float atanhf(float x) { return (float)atanh(x); }
float atanf(float x) { return (float)atan(x); }
float atan2f(float y, float x) { return (float)atan2(y, x); }
float asinf(float x) { return (float)asin(x); }
float acosf(float x) { return (float)acos(x); }
float erff(float x) { return (float)erf(x); }
float powf(float x, float y) { return (float)pow(x, y); }
float hypotf(float x, float y) { return (float)hypot(x, y); }
float cbrtf(float x) { return (float)cbrt(x); }
