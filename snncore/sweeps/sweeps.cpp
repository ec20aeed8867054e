// The sweeps of interface.py for a CPU, in plain C++17: no header of torch or Python, so that any compiler
// builds this in seconds. All pointers come from contiguous tensors with channels innermost.
//
// Work is cut into tiles of whole rows, a few hundred numbers, and all T steps of a tile are done before the
// next: potentials stay in the first-level cache. A tile is a multiple of the channels, so that what belongs
// to a channel is laid out once, as long as a tile, and the innermost loops are flat and vectorise; that is
// also why what a setting decides (reset, surrogate) is asked outside of them, and they are short.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

struct bf16 {
    uint16_t bits;
};

inline float wide(float x) { return x; }
inline double wide(double x) { return x; }
inline float wide(bf16 x) {
    const uint32_t bits = uint32_t(x.bits) << 16;
    float out;
    std::memcpy(&out, &bits, sizeof out);
    return out;
}

inline void narrow(float x, float& out) { out = x; }
inline void narrow(double x, double& out) { out = x; }
inline void narrow(float x, bf16& out) {  // to the nearest, ties to even; a NaN stays one
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    out.bits = uint16_t(x == x ? rounded : 0x7FC0);
}

template <class D>
using Wide = decltype(wide(D{}));

constexpr int64_t TILE = 512;
constexpr int64_t FLUSH = 64;  // tiles whose sums are kept in the data's own precision before they go to double

inline int64_t rows_of_tile(int64_t channels) { return std::max<int64_t>(1, TILE / channels); }

template <class W>
std::vector<W> tiled(const W* values, int64_t channels, int64_t size, W fallback) {
    std::vector<W> out(size, fallback);
    if (values)
        for (int64_t j = 0; j < size; ++j) out[j] = values[j % channels];
    return out;
}

// ---- the surrogate's slope ------------------------------------------------------------------------------

// exp(x) for x <= 0, relative error below 2e-7: x = n·ln 2 + r with |r| <= ln 2 / 2, a polynomial in r, and
// n put into the exponent's bits. Far below zero it stops at 1e-37 instead of going on to 0.
inline float exp_of_negative(float x) {
    x = x < -85.f ? -85.f : x;
    const float shifted = x * 1.44269504f + 12582912.f;  // 1.5 · 2^23: rounds to an integer in the low bits
    const float n = shifted - 12582912.f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.f / 5040;
    p = p * r + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.f;
    p = p * r + 1.f;
    int32_t bits;
    std::memcpy(&bits, &p, sizeof bits);
    int32_t power;
    std::memcpy(&power, &shifted, sizeof power);
    bits += int32_t(uint32_t(power) << 23);
    std::memcpy(&p, &bits, sizeof p);
    return p;
}
inline double exp_of_negative(double x) { return std::exp(x); }

enum Surrogate { SIGMOID, RECTANGULAR, TRIANGLE, ARCTAN };
enum Reset { SOFT_DETACHED, SOFT, HARD_DETACHED, HARD };

struct Neuron {
    double decay, threshold, slope;
    int32_t surrogate, reset;
};

// of the distance u to the threshold
template <int SURROGATE, class W>
inline W slope_at(W u, W k) {
    if constexpr (SURROGATE == SIGMOID) {
        const W e = exp_of_negative(-std::abs(k * u));
        return k * e / ((1 + e) * (1 + e));
    } else if constexpr (SURROGATE == RECTANGULAR) {
        return std::abs(u) < W(0.5) / k ? k : W(0);
    } else if constexpr (SURROGATE == TRIANGLE) {
        const W slope = k - k * k * std::abs(u);
        return slope < 0 ? W(0) : slope;
    } else {
        const W scaled = W(1.57079632679489662) * k * u;
        return W(0.5) * k / (1 + scaled * scaled);
    }
}

template <int RESET, class W>
inline W after_reset(W v, W spike, W threshold) {
    return RESET == SOFT || RESET == SOFT_DETACHED ? v - threshold * spike : v - v * spike;
}

// derivative of the potential after the reset by that before it
template <int RESET, class W>
inline W carry_of(W v, W spike, W slope, W threshold) {
    if constexpr (RESET == SOFT_DETACHED) return W(1);
    else if constexpr (RESET == SOFT) return 1 - threshold * slope;
    else if constexpr (RESET == HARD_DETACHED) return 1 - spike;
    else return 1 - spike - v * slope;
}

// Calls `f` with the neuron's surrogate and reset as constants.
template <class F>
void with_setting(const Neuron& neuron, F f) {
    const auto with_reset = [&](auto surrogate) {
        switch (neuron.reset) {
            case SOFT_DETACHED: return f(surrogate, std::integral_constant<int, SOFT_DETACHED>());
            case SOFT: return f(surrogate, std::integral_constant<int, SOFT>());
            case HARD_DETACHED: return f(surrogate, std::integral_constant<int, HARD_DETACHED>());
            default: return f(surrogate, std::integral_constant<int, HARD>());
        }
    };
    switch (neuron.surrogate) {
        case SIGMOID: return with_reset(std::integral_constant<int, SIGMOID>());
        case RECTANGULAR: return with_reset(std::integral_constant<int, RECTANGULAR>());
        case TRIANGLE: return with_reset(std::integral_constant<int, TRIANGLE>());
        default: return with_reset(std::integral_constant<int, ARCTAN>());
    }
}

// ---- neurons --------------------------------------------------------------------------------------------

}  // namespace

extern "C" struct TermArgument {  // a summand of the current; statistics null: not normalised
    const void* x;
    int64_t step;  // elements from one time step to the next, 0 for what is the same at every step
    const void *mean, *inverse_std, *gamma, *beta;
    void* normed;  // null: not wanted
};

namespace {

template <class D>
struct Term {
    using W = Wide<D>;
    const D* x;
    int64_t step;
    std::vector<W> scale, shift, mean, inverse_std;
    D* normed;

    Term(const TermArgument& from, int64_t channels, int64_t size)
        : x(static_cast<const D*>(from.x)), step(from.step), normed(static_cast<D*>(from.normed)) {
        const auto values = [&](const void* p, W fallback) {
            return tiled(static_cast<const W*>(p), channels, size, fallback);
        };
        mean = values(from.mean, 0), inverse_std = values(from.inverse_std, 1);
        scale = values(from.gamma, 1), shift = values(from.beta, 0);
        for (int64_t j = 0; j < size; ++j) {
            scale[j] *= inverse_std[j];
            shift[j] -= mean[j] * scale[j];
        }
    }
};

// v <- decay·v + current; sums[i] += x of the terms whose mean is wanted
template <class D, class W>
void integrate(const std::vector<Term<D>>& terms, int64_t t, int64_t at, int64_t size, W decay, W* __restrict v,
               W* const* sums) {
    for (const auto& term : terms)  // of the next tile: steps lie far apart, where no hardware looks ahead
        for (int64_t j = 0; j < size; j += 64 / int64_t(sizeof(D)))
            __builtin_prefetch(term.x + t * term.step + at + size + j);
    const D* __restrict x = terms[0].x + t * terms[0].step + at;
    const W* __restrict scale = terms[0].scale.data();
    const W* __restrict shift = terms[0].shift.data();
    if (terms.size() == 1 && sums) {
        W* __restrict sum = sums[0];
        for (int64_t j = 0; j < size; ++j) {
            v[j] = decay * v[j] + (wide(x[j]) * scale[j] + shift[j]);
            sum[j] += wide(x[j]);
        }
        return;
    }
    if (terms.size() == 1) {
        for (int64_t j = 0; j < size; ++j) v[j] = decay * v[j] + (wide(x[j]) * scale[j] + shift[j]);
        return;
    }
    const D* __restrict x2 = terms[1].x + t * terms[1].step + at;
    const W* __restrict scale2 = terms[1].scale.data();
    const W* __restrict shift2 = terms[1].shift.data();
    for (int64_t j = 0; j < size; ++j)
        v[j] = decay * v[j] + ((wide(x[j]) * scale[j] + shift[j]) + (wide(x2[j]) * scale2[j] + shift2[j]));
    for (size_t i = 0; sums && i < 2; ++i) {
        if (!terms[i].normed) continue;
        const D* __restrict from = terms[i].x + t * terms[i].step + at;
        W* __restrict sum = sums[i];
        for (int64_t j = 0; j < size; ++j) sum[j] += wide(from[j]);
    }
}

template <class D, class W>
void put(const W* __restrict from, D* __restrict to, int64_t size) {
    for (int64_t j = 0; j < size; ++j) narrow(from[j], to[j]);
}

template <class D>
std::vector<Term<D>> terms_of(const TermArgument* arguments, int n, int64_t channels, int64_t size) {
    std::vector<Term<D>> terms;
    for (int i = 0; i < n; ++i) terms.emplace_back(arguments[i], channels, size);
    return terms;
}

template <class D>
void fire(const TermArgument* arguments, int n_terms, int64_t T, int64_t places, int64_t channels,
          const Neuron& neuron, D* spikes, int threads) {
    using W = Wide<D>;
    const int64_t tile = rows_of_tile(channels) * channels, total = places * channels;
    const auto terms = terms_of<D>(arguments, n_terms, channels, tile);
    const W threshold = W(neuron.threshold);
    const bool is_soft = neuron.reset == SOFT || neuron.reset == SOFT_DETACHED;
#pragma omp parallel num_threads(threads)
    {
        std::vector<W> potentials(tile);
        W* __restrict v = potentials.data();
#pragma omp for schedule(static)
        for (int64_t at = 0; at < total; at += tile) {
            const int64_t size = std::min(tile, total - at);
            std::fill(v, v + tile, W(0));
            for (int64_t t = 0; t < T; ++t) {
                integrate(terms, t, at, size, W(neuron.decay), v, static_cast<W* const*>(nullptr));
                D* __restrict out = spikes + t * total + at;
                for (int64_t j = 0; j < size; ++j) {
                    const W spike = v[j] >= threshold ? W(1) : W(0);
                    narrow(spike, out[j]);
                    v[j] -= (is_soft ? threshold : v[j]) * spike;
                }
            }
        }
    }
}

// One step of a tile: what potentials v make fire, and what follows for v, trace, f and count. Where the
// factor f of the trace is the same for all neurons it is `same`.
template <int SURROGATE, int RESET, class D, class W>
void fire_step(int64_t size, W decay, W threshold, W k, W same, W* __restrict v, W* __restrict trace,
               W* __restrict f, W* __restrict count, D* __restrict spikes) {
    constexpr bool is_same = RESET == SOFT_DETACHED;
    for (int64_t j = 0; j < size; ++j) {
        const W slope = slope_at<SURROGATE>(v[j] - threshold, k);
        const W spike = v[j] >= threshold ? W(1) : W(0);
        trace[j] += (is_same ? same : f[j]) * slope;
        if constexpr (!is_same) f[j] = 1 + decay * carry_of<RESET>(v[j], spike, slope, threshold) * f[j];
        count[j] += spike;
        narrow(spike, spikes[j]);
        v[j] = after_reset<RESET>(v[j], spike, threshold);
    }
}

template <class D>
void fire_with_trace(const TermArgument* arguments, int n_terms, int64_t T, int64_t places, int64_t channels,
                     const Neuron& neuron, D* spikes, void* counts, D* traces, int threads) {
    using W = Wide<D>;
    const int64_t tile = rows_of_tile(channels) * channels, total = places * channels;
    const auto terms = terms_of<D>(arguments, n_terms, channels, tile);
    const W decay = W(neuron.decay), threshold = W(neuron.threshold), k = W(neuron.slope);
    const bool wants_means = terms[0].normed || (n_terms > 1 && terms[1].normed);
#pragma omp parallel num_threads(threads)
    {
        std::vector<W> buffer(tile * 6);
        W *__restrict v = buffer.data(), *__restrict count = v + tile, *__restrict trace = v + 2 * tile;
        W* __restrict f = v + 3 * tile;
        W* sums[2] = {v + 4 * tile, v + 5 * tile};
#pragma omp for schedule(static)
        for (int64_t at = 0; at < total; at += tile) {
            const int64_t size = std::min(tile, total - at);
            std::fill(buffer.begin(), buffer.end(), W(0));
            std::fill(f, f + tile, W(1));
            W same = 1;  // f where it is the same for all neurons
            for (int64_t t = 0; t < T; ++t) {
                integrate(terms, t, at, size, decay, v, wants_means ? sums : nullptr);
                D* __restrict out = spikes + t * total + at;
                with_setting(neuron, [&](auto surrogate, auto reset) {
                    fire_step<surrogate(), reset()>(size, decay, threshold, k, same, v, trace, f, count, out);
                });
                same = 1 + decay * same;
            }
            if (T <= 255)
                for (int64_t j = 0; j < size; ++j) static_cast<uint8_t*>(counts)[at + j] = uint8_t(count[j]);
            else
                for (int64_t j = 0; j < size; ++j) static_cast<int16_t*>(counts)[at + j] = int16_t(count[j]);
            for (int64_t j = 0; j < size; ++j) trace[j] /= W(T);
            put(trace, traces + at, size);
            for (size_t i = 0; i < terms.size(); ++i) {
                if (!terms[i].normed) continue;
                const W *mean = terms[i].mean.data(), *inverse_std = terms[i].inverse_std.data();
                W* sum = sums[i];
                for (int64_t j = 0; j < size; ++j) sum[j] = (sum[j] / W(T) - mean[j]) * inverse_std[j];
                put(sum, terms[i].normed + at, size);
            }
        }
    }
}

// One step back: from dL/d(spike) g, and `carried`, dL/d(potential after the reset), to dL/d(current).
template <int SURROGATE, int RESET, class D, class W>
void backward_step(int64_t size, W decay, W threshold, W k, const W* __restrict v, const D* __restrict g,
                   W* __restrict carried, D* __restrict out) {
    for (int64_t j = 0; j < size; ++j) {
        const W slope = slope_at<SURROGATE>(v[j] - threshold, k);
        const W spike = v[j] >= threshold ? W(1) : W(0);
        const W by_v = carried[j] * carry_of<RESET>(v[j], spike, slope, threshold) + slope * wide(g[j]);
        narrow(by_v, out[j]);
        carried[j] = decay * by_v;
    }
}

template <class D>
void fire_backward(const TermArgument* arguments, int n_terms, int64_t T, int64_t places, int64_t channels,
                   const Neuron& neuron, const D* grad, D* out, int threads) {
    using W = Wide<D>;
    const int64_t tile = rows_of_tile(channels) * channels, total = places * channels;
    const auto terms = terms_of<D>(arguments, n_terms, channels, tile);
    const W decay = W(neuron.decay), threshold = W(neuron.threshold), k = W(neuron.slope);
#pragma omp parallel num_threads(threads)
    {
        std::vector<W> potentials(T * tile), buffer(tile);  // before the reset, of every step
        W* __restrict carried = buffer.data();              // dL/d(potential after the reset)
#pragma omp for schedule(static)
        for (int64_t at = 0; at < total; at += tile) {
            const int64_t size = std::min(tile, total - at);
            with_setting(neuron, [&](auto surrogate, auto reset) {
                std::fill(potentials.begin(), potentials.begin() + tile, W(0));
                for (int64_t t = 0; t < T; ++t) {
                    W* __restrict v = potentials.data() + t * tile;
                    const W* __restrict before = v - tile;
                    for (int64_t j = 0; t > 0 && j < size; ++j)
                        v[j] = after_reset<reset()>(before[j], before[j] >= threshold ? W(1) : W(0), threshold);
                    integrate(terms, t, at, size, decay, v, static_cast<W* const*>(nullptr));
                }
                std::fill(carried, carried + tile, W(0));
                for (int64_t t = T - 1; t >= 0; --t) {
                    const W* __restrict v = potentials.data() + t * tile;
                    const D* __restrict g = grad + t * total + at;
                    D* __restrict to = out + t * total + at;
                    backward_step<surrogate(), reset()>(size, decay, threshold, k, v, g, carried, to);
                }
            });
        }
    }
}

// ---- batch norm -----------------------------------------------------------------------------------------

// Two sums per channel over all rows. add(at, size, a, b) adds those of a tile to a[size], b[size].
template <class W, class Add>
void channel_sums(int64_t n_rows, int64_t channels, double* first, double* second, int threads, Add add) {
    const int64_t tile = rows_of_tile(channels) * channels, total = n_rows * channels;
    const int64_t block = tile * FLUSH, n_blocks = (total + block - 1) / block;
    std::vector<double> partial(2 * channels * std::max(1, threads), 0.0);
#pragma omp parallel num_threads(threads)
    {
        std::vector<W> a(tile), b(tile);
        std::vector<double> sums(2 * channels, 0.0);
        // one part per thread, in order: the same sum on every run with as many threads
#pragma omp for schedule(static, 1)
        for (int part = 0; part < threads; ++part) {
            std::fill(sums.begin(), sums.end(), 0.0);
            for (int64_t i = n_blocks * part / threads; i < n_blocks * (part + 1) / threads; ++i) {
                std::fill(a.begin(), a.end(), W(0));
                std::fill(b.begin(), b.end(), W(0));
                const int64_t end = std::min((i + 1) * block, total);
                for (int64_t at = i * block; at < end; at += tile)
                    add(at, std::min(tile, end - at), a.data(), b.data());
                for (int64_t j = 0, c = 0; j < tile; ++j, c = c + 1 == channels ? 0 : c + 1) {
                    sums[c] += a[j];
                    sums[channels + c] += b[j];
                }
            }
            std::copy(sums.begin(), sums.end(), partial.begin() + 2 * channels * part);
        }
    }
    std::fill(first, first + channels, 0.0);
    std::fill(second, second + channels, 0.0);
    for (int part = 0; part < threads; ++part)
        for (int64_t c = 0; c < channels; ++c) {
            first[c] += partial[2 * channels * part + c];
            second[c] += partial[2 * channels * part + channels + c];
        }
}

// Sums of the distances to the first row, so that a mean far above the spread costs no digits.
template <class D>
void statistics(const D* x, int64_t n_rows, int64_t channels, Wide<D>* mean, Wide<D>* variance, int threads) {
    using W = Wide<D>;
    std::vector<W> first(channels);
    for (int64_t c = 0; c < channels; ++c) first[c] = wide(x[c]);
    const auto origin = tiled(first.data(), channels, rows_of_tile(channels) * channels, W(0));
    std::vector<double> sums(channels), squares(channels);
    channel_sums<W>(n_rows, channels, sums.data(), squares.data(), threads,
                    [&](int64_t at, int64_t size, W* __restrict a, W* __restrict b) {
                        const D* __restrict from = x + at;
                        const W* __restrict zero = origin.data();
                        for (int64_t j = 0; j < size; ++j) {
                            const W distance = wide(from[j]) - zero[j];
                            a[j] += distance;
                            b[j] += distance * distance;
                        }
                    });
    for (int64_t c = 0; c < channels; ++c) {
        const double distance = sums[c] / double(n_rows), square = squares[c] / double(n_rows);
        const double spread = square - distance * distance;
        mean[c] = W(double(first[c]) + distance);
        variance[c] = W(spread < 0 ? 0.0 : spread);  // a NaN stays one
    }
}

template <class D>
void norm_backward_sums(const D* grad, const D* x, const Wide<D>* mean, const Wide<D>* inverse_std,
                        const D* trace, int64_t n_rows, int64_t channels, D* h, Wide<D>* sum_h,
                        Wide<D>* sum_hx, int threads) {
    using W = Wide<D>;
    const int64_t tile = rows_of_tile(channels) * channels;
    const auto centre = tiled(mean, channels, tile, W(0)), scale = tiled(inverse_std, channels, tile, W(1));
    std::vector<double> first(channels), second(channels);
    channel_sums<W>(n_rows, channels, first.data(), second.data(), threads,
                    [&](int64_t at, int64_t size, W* __restrict a, W* __restrict b) {
                        const D* __restrict g = grad + at;
                        const D* __restrict from = x + at;
                        const W* __restrict m = centre.data();
                        const W* __restrict s = scale.data();
                        if (trace) {
                            const D* __restrict factor = trace + at;
                            D* __restrict to = h + at;
                            for (int64_t j = 0; j < size; ++j) {
                                D rounded;
                                narrow(wide(g[j]) * wide(factor[j]), rounded);
                                to[j] = rounded;
                                a[j] += wide(rounded);
                                b[j] += wide(rounded) * ((wide(from[j]) - m[j]) * s[j]);
                            }
                        } else {
                            for (int64_t j = 0; j < size; ++j) {
                                a[j] += wide(g[j]);
                                b[j] += wide(g[j]) * ((wide(from[j]) - m[j]) * s[j]);
                            }
                        }
                    });
    for (int64_t c = 0; c < channels; ++c) sum_h[c] = W(first[c]), sum_hx[c] = W(second[c]);
}

template <class D>
void norm_backward(const D* h, const D* x, const Wide<D>* mean, const Wide<D>* inverse_std, const Wide<D>* scale,
                   const Wide<D>* mean_h, const Wide<D>* mean_hx, int64_t n_rows, int64_t channels, D* out,
                   int threads) {
    // scale·(h − mean_h − (x − mean)·inverse_std·mean_hx) = scale·h + slope·x + shift
    using W = Wide<D>;
    const int64_t tile = rows_of_tile(channels) * channels, total = n_rows * channels;
    auto factor = tiled(scale, channels, tile, W(0)), slope = tiled(mean_hx, channels, tile, W(0));
    auto shift = tiled(mean_h, channels, tile, W(0));
    const auto centre = tiled(mean, channels, tile, W(0)), spread = tiled(inverse_std, channels, tile, W(1));
    for (int64_t j = 0; j < tile; ++j) {
        slope[j] *= -factor[j] * spread[j];
        shift[j] = -factor[j] * shift[j] - slope[j] * centre[j];
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < total; at += tile) {
        const int64_t size = std::min(tile, total - at);
        const D* __restrict from = h + at;
        const D* __restrict by = x + at;
        D* __restrict to = out + at;
        const W *__restrict a = factor.data(), *__restrict b = slope.data(), *__restrict c = shift.data();
        for (int64_t j = 0; j < size; ++j) narrow(a[j] * wide(from[j]) + b[j] * wide(by[j]) + c[j], to[j]);
    }
}

}  // namespace

// ---- what Python calls: a library for each dtype of the data, DATA = float, double or bf16 ---------------

using W = Wide<DATA>;

extern "C" {

void statistics_(const DATA* x, int64_t rows, int64_t channels, W* mean, W* variance, int threads) {
    statistics(x, rows, channels, mean, variance, threads);
}

void fire_(const TermArgument* terms, int n, int64_t T, int64_t places, int64_t channels, const Neuron* neuron,
           DATA* spikes, int threads) {
    fire(terms, n, T, places, channels, *neuron, spikes, threads);
}

void fire_with_trace_(const TermArgument* terms, int n, int64_t T, int64_t places, int64_t channels,
                      const Neuron* neuron, DATA* spikes, void* counts, DATA* traces, int threads) {
    fire_with_trace(terms, n, T, places, channels, *neuron, spikes, counts, traces, threads);
}

void fire_backward_(const TermArgument* terms, int n, int64_t T, int64_t places, int64_t channels,
                    const Neuron* neuron, const DATA* grad, DATA* out, int threads) {
    fire_backward(terms, n, T, places, channels, *neuron, grad, out, threads);
}

void norm_backward_sums_(const DATA* grad, const DATA* x, const W* mean, const W* inverse_std, const DATA* trace,
                         int64_t rows, int64_t channels, DATA* h, W* sum_h, W* sum_hx, int threads) {
    norm_backward_sums(grad, x, mean, inverse_std, trace, rows, channels, h, sum_h, sum_hx, threads);
}

void norm_backward_(const DATA* h, const DATA* x, const W* mean, const W* inverse_std, const W* scale,
                    const W* mean_h, const W* mean_hx, int64_t rows, int64_t channels, DATA* out, int threads) {
    norm_backward(h, x, mean, inverse_std, scale, mean_h, mean_hx, rows, channels, out, threads);
}
}
