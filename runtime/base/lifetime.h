#pragma once

#include <memory>
#include <utility>

namespace onetake {

// The life of the object that it is a member of, for callbacks that may come when that is gone:
//
//   loop_.Post(lifetime_.While([this] { OnDue(); }));
//
// It ends with this member, so a member that is declared later ends before it. Owned by the thread
// of the object, which alone may run the callbacks. Others may hold an observer, and make callbacks
// of it to post.
class Lifetime {
 public:
  class Observer {
   public:
    // For code that goes on after it has called somebody who may have destroyed the object.
    bool IsOver() const { return token_.expired(); }

    // Returns a callback that calls `then`, and does nothing once the life is over.
    template <typename Then>
    auto While(Then then) const {
      return [self = *this, then = std::move(then)](auto&&... arguments) mutable {
        if (!self.IsOver()) then(std::forward<decltype(arguments)>(arguments)...);
      };
    }

   private:
    friend class Lifetime;
    explicit Observer(const std::shared_ptr<char>& token) : token_(token) {}
    std::weak_ptr<char> token_;
  };

  Lifetime() = default;
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  Observer Observe() const { return Observer(token_); }
  template <typename Then>
  auto While(Then then) const {
    return Observe().While(std::move(then));
  }
  // Ends it before its destructor does: for a destructor that still does things which may call
  // back.
  void End() { token_.reset(); }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();  // there as long as it lasts
};

}  // namespace onetake
