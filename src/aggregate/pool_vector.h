#pragma once
/// A growing array of plain values whose memory comes from an arrow::MemoryPool: std::vector, but a refused allocation is a Status.
///
///   PoolVector<int64_t> counts(pool);
///   ARROW_RETURN_NOT_OK(counts.Grow(groups, 0));   // reserve and fill first
///   counts[group] += 1;                            // cannot fail
///
/// Not thread-safe. The pool must outlive it.

#include <arrow/memory_pool.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace millstream {

template <typename T>
class PoolVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit PoolVector(arrow::MemoryPool* pool) : pool_(pool) {}
  PoolVector(PoolVector&& other) noexcept
      : pool_(other.pool_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)) {}
  PoolVector(const PoolVector&) = delete;
  PoolVector& operator=(const PoolVector&) = delete;
  PoolVector& operator=(PoolVector&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~PoolVector() { Release(); }

  /// Room for `count` in all, by half as much again as there is where it must grow. On a refusal nothing has changed.
  Status Reserve(int64_t count) {
    if (count <= capacity_) return Status::OK();
    return Reallocate(std::max({count, capacity_ + capacity_ / 2, kFirstBytes / static_cast<int64_t>(sizeof(T))}));
  }
  /// At least `count` long; what is new is `value`.
  Status Grow(int64_t count, T value) {
    if (count <= size_) return Status::OK();
    ARROW_RETURN_NOT_OK(Reserve(count));
    std::fill(data_ + size_, data_ + count, value);
    size_ = count;
    return Status::OK();
  }
  /// Exactly `count` long; what is new is undefined.
  Status Resize(int64_t count) {
    ARROW_RETURN_NOT_OK(Reserve(count));
    size_ = count;
    return Status::OK();
  }
  /// Room must have been reserved.
  void Append(T value) { data_[size_++] = value; }
  void Truncate(int64_t count) { size_ = std::min(size_, count); }
  /// Empties it and gives the memory back.
  void Release() {
    if (data_ != nullptr) pool_->Free(reinterpret_cast<uint8_t*>(data_), capacity_ * static_cast<int64_t>(sizeof(T)));
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  arrow::MemoryPool* pool() const { return pool_; }
  int64_t bytes() const { return capacity_ * static_cast<int64_t>(sizeof(T)); }

 private:
  static constexpr int64_t kFirstBytes = 64;

  Status Reallocate(int64_t capacity) {
    auto* data = reinterpret_cast<uint8_t*>(data_);
    const auto width = static_cast<int64_t>(sizeof(T));
    ARROW_RETURN_NOT_OK(data == nullptr ? pool_->Allocate(capacity * width, &data) : pool_->Reallocate(capacity_ * width, capacity * width, &data));
    data_ = reinterpret_cast<T*>(data);
    capacity_ = capacity;
    return Status::OK();
  }

  arrow::MemoryPool* pool_;
  T* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

}  // namespace millstream
